"""Instants on the database's clock, the only clock that all processes share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import DateTime, Float, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.sql.compiler import SQLCompiler


class UtcTimestamp(TypeDecorator[datetime]):
    """An aware UTC datetime: `timestamptz` on PostgreSQL, seconds since 1970 on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Return the column type of this database."""
        # SQLite has no time type, and texts would not add seconds: a number compares and adds.
        kind = Float(53) if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Turn a datetime into what this database stores."""
        return value.timestamp() if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Turn what this database stored into a datetime in UTC."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return datetime.fromtimestamp(value, UTC)
        return value.astimezone(UTC)  # type: ignore[no-any-return]


class db_now(FunctionElement[datetime]):  # noqa: N801 - reads as the SQL function that it is
    """The database's current time plus `plus_s` seconds; it moves on within a transaction."""

    type = UtcTimestamp()
    inherit_cache = True

    def __init__(self, plus_s: float = 0.0) -> None:
        super().__init__(literal(float(plus_s), Float(53)))


@compiles(db_now)
def _postgresql(element: db_now, compiler: SQLCompiler, **kw: Any) -> str:
    # clock_timestamp(), not now(): a lease taken late in a transaction must be a whole one.
    return f"(clock_timestamp() + make_interval(secs => {compiler.process(element.clauses, **kw)}))"


@compiles(db_now, "sqlite")
def _sqlite(element: db_now, compiler: SQLCompiler, **kw: Any) -> str:
    # SQLite 3.40 has no unixepoch('subsec'); 2440587.5 is the Julian day of 1970-01-01.
    plus = compiler.process(element.clauses, **kw)
    return f"((julianday('now') - 2440587.5) * 86400.0 + {plus})"
