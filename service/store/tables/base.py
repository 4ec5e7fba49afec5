"""What all tables share: naming, column types and the time of creation."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from sqlalchemy import JSON, BigInteger, MetaData, String
from sqlalchemy.orm import DeclarativeBase, mapped_column

from service.store.instants import UtcTimestamp, db_now

Id = Annotated[str, mapped_column(String(31))]
"""A prefix of at most four letters, an underscore and a ULID of 26 characters."""

Digest = Annotated[str, mapped_column(String(64))]
"""SHA-256 in hexadecimal."""

Counter = Annotated[int, mapped_column(BigInteger, default=0)]

Instant = Annotated[datetime, mapped_column(UtcTimestamp)]

CreatedAt = Annotated[datetime, mapped_column(UtcTimestamp, default=db_now())]


class Base(DeclarativeBase):
    """Every table's parent."""

    # Named, because an unnamed constraint cannot be dropped by a later migration.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # JSON rather than JSONB: nothing queries inside, and JSONB would reorder what users wrote.
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
    }
