"""Datasets: immutable tables, their profile beside a blob of typed Parquet."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base, CreatedAt, Digest, Id, Instant


class DatasetRow(Base):
    """A table as it was uploaded.

    A deleted one keeps its row, because finished runs and models name it, and loses its blob.
    """

    __tablename__ = "datasets"
    __table_args__ = (
        UniqueConstraint("project_id", "id"),
        Index("ix_datasets_blob", "blob_sha256"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(200))
    format: Mapped[str] = mapped_column(String(16))
    sha256: Mapped[Digest]
    """Of the uploaded bytes."""
    bytes: Mapped[int] = mapped_column(BigInteger)
    """Length of the upload."""
    rows: Mapped[int] = mapped_column(BigInteger)
    profile: Mapped[dict[str, Any]]
    """`TableProfile.to_json()`."""
    parent_id: Mapped[Id | None]
    blob_sha256: Mapped[Digest | None] = mapped_column(ForeignKey("blobs.sha256"))
    """The typed Parquet that trainings read."""
    created_at: Mapped[CreatedAt]
    deleted_at: Mapped[Instant | None]
