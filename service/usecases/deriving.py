"""Deriving a dataset: columns of a stored table read as other types, without the upload."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from service.usecases.parsing import ParsedUpload, read_in_child
from workers.tabular.parquet import stored_reading
from workers.tabular.profile import TableProfile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.schemas.datasets import ColumnOverride
    from service.settings import Limits
    from workers.tabular.profile import ColumnProfile

# Types that are all stored as text: that a column has one of them is known by its wish alone.
_TEXTS = frozenset(("categorical", "text", "ignore"))


@dataclass(frozen=True)
class StoredTable:
    """A dataset as it is kept; the digest and the length are those of its upload."""

    name: str
    sha256: str
    n_bytes: int
    profile: TableProfile
    parquet: bytes


def derive_table(
    table: StoredTable, schema: Mapping[str, ColumnOverride], folder: Path, limits: Limits
) -> ParsedUpload:
    """Read the table again with these wishes; the columns that they do not name stay as they are.

    Raises:
        InvalidRequestError: `unknown_column`, or a cell that is not of the wished type.
    """
    with TemporaryDirectory(dir=folder) as place:
        source = Path(place) / "stored"
        source.write_bytes(table.parquet)
        wishes = _wishes(table, schema)
        profile, parquet = read_in_child(source, wishes, limits, "/schema")
    profile = _with_parent(profile, table.profile, schema)
    return ParsedUpload(table.sha256, table.n_bytes, profile, parquet)


def _wishes(table: StoredTable, schema: Mapping[str, ColumnOverride]) -> dict[str, Any]:
    reading = stored_reading(table.parquet)
    columns: dict[str, dict[str, Any]] = {
        column.name: {"type": column.type}
        for column in table.profile.columns
        if column.type in _TEXTS
    }
    for name, kept in reading.get("schema", {}).items():
        columns[name] = columns.get(name, {}) | kept
    for name, wish in schema.items():
        kept = {key: value for key, value in columns.get(name, {}).items() if key == "missing"}
        columns[name] = kept | wish.model_dump(exclude_none=True)
    # The stored form is read, whatever the upload was; how it was written is for later rows.
    parse = reading.get("parse", {}) | {"format": "parquet"}
    return {"schema": columns, "parse": parse, "texts": reading.get("texts", [])}


def _with_parent(
    derived: TableProfile, parent: TableProfile, schema: Mapping[str, ColumnOverride]
) -> TableProfile:
    """The profile of the derived table, with all that is said of the columns that stayed."""
    stayed = {column.name: column for column in parent.columns if column.name not in schema}
    columns: tuple[ColumnProfile, ...] = tuple(
        stayed.get(column.name, column) for column in derived.columns
    )
    old = [warning for warning in parent.warnings if warning.column not in schema]
    new = [warning for warning in derived.warnings if warning.column in schema]
    return replace(derived, columns=columns, warnings=(*old, *new), format=parent.format)
