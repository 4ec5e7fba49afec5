"""The profile of a stored table, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from workers.tabular.duplicates import RowDigests, text_hashes
from workers.tabular.numbers import numeric_profile, time_profile
from workers.tabular.profile import ColumnProfile, TableProfile, TableWarning
from workers.tabular.texts import TextSummary, boolean_profile, text_profile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workers.tabular.cells import Chunks
    from workers.tabular.csv_dialect import Dialect
    from workers.tabular.options import IngestOptions

# Columns are read together up to here: one by one, 10,000 of them take minutes.
_CELLS_AT_ONCE = 1_000_000
_TEXTS_AT_ONCE = 1 << 17


def describe(path: Path, options: IngestOptions, dialect: Dialect | None) -> TableProfile:
    """The types, statistics and warnings of the table at `path`; `dialect` if it came as CSV."""
    decimal = dialect.decimal if dialect else options.parse.decimal or "."
    columns: list[ColumnProfile] = []
    warnings = _dialect_warnings(dialect, options) if dialect else []
    digests: RowDigests | None = None
    n_rows = 0
    for name, column in _columns(path):
        n_rows = len(column)
        digests = digests or RowDigests(n_rows)
        profile, warning = _profile(name, column, digests, options, decimal)
        columns.append(profile)
        warnings += [warning] if warning else _constancy_warnings(profile)
    n_duplicates = digests.n_duplicates() if digests and len(columns) > 1 else 0
    if n_duplicates:
        detail = f"{n_duplicates} of {n_rows} rows repeat an earlier one"
        warnings.append(TableWarning("duplicate_rows", None, detail))
    return TableProfile(n_rows, tuple(columns), tuple(warnings))


def _columns(path: Path) -> Iterator[tuple[str, Chunks]]:
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        at_once = max(1, _CELLS_AT_ONCE // max(1, file.metadata.num_rows))
        for start in range(0, len(names), at_once):
            table = file.read(columns=names[start : start + at_once], use_threads=False)
            for name in table.column_names:
                yield name, _in_pieces(table[name])


def _in_pieces(column: Chunks) -> Chunks:
    """The column, one of text in pieces of which the first ones may tell enough."""
    if not pa.types.is_string(column.type):
        return column
    pieces = [
        chunk.slice(start, _TEXTS_AT_ONCE)
        for chunk in column.chunks
        for start in range(0, len(chunk), _TEXTS_AT_ONCE)
    ]
    return pa.chunked_array(pieces, column.type)


def _profile(
    name: str, column: Chunks, digests: RowDigests, options: IngestOptions, decimal: str
) -> tuple[ColumnProfile, TableWarning | None]:
    wished = options.wish(name).type
    if pa.types.is_dictionary(column.type) or pa.types.is_string(column.type):
        # Hashing the texts is most of the work on them, and both need it.
        hashes = text_hashes(column)
        digests.add(column, hashes)
        return text_profile(name, TextSummary.of(column, decimal, hashes), wished)
    digests.add(column)
    if pa.types.is_boolean(column.type):
        return boolean_profile(name, column, wished), None
    if pa.types.is_timestamp(column.type):
        return time_profile(name, column, wished), None
    return numeric_profile(name, column, wished)


def _constancy_warnings(profile: ColumnProfile) -> list[TableWarning]:
    if profile.distinct == 0:
        return [TableWarning("missing_column", profile.name, "no cell holds a value")]
    if profile.distinct == 1:
        return [TableWarning("constant_column", profile.name, "every value is the same")]
    return []


def _dialect_warnings(dialect: Dialect, options: IngestOptions) -> list[TableWarning]:
    warnings = []
    if dialect.decimal == "," and options.parse.decimal is None:
        detail = "numbers were read with a decimal comma: parse.decimal says otherwise"
        warnings.append(TableWarning("decimal_comma", None, detail))
    if options.parse.header and dialect.header_of_numbers:
        detail = "every name in the first line is a number: parse.header says if it is no header"
        warnings.append(TableWarning("header_of_numbers", None, detail))
    return warnings
