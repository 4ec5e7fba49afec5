"""The profile of a stored table, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from workers.tabular.duplicates import RowDigests, hashes_of
from workers.tabular.numbers import numeric_profile, time_profile
from workers.tabular.options import orders_in
from workers.tabular.parquet import reading_of
from workers.tabular.profile import ColumnProfile, TableProfile, TableWarning
from workers.tabular.texts import TextSummary, boolean_profile, text_profile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workers.tabular.cells import Chunks, Column
    from workers.tabular.csv_dialect import Dialect
    from workers.tabular.options import IngestOptions
    from workers.tabular.types import ColumnType, DateOrder

# Columns are read together up to here: one by one, 10,000 of them take minutes.
_CELLS_AT_ONCE = 1_000_000


def describe(path: Path, options: IngestOptions, dialect: Dialect | None) -> TableProfile:
    """The types, statistics and warnings of the table at `path`; `dialect` if it came as CSV."""
    decimal = dialect.decimal if dialect else options.parse.decimal or "."
    columns: list[ColumnProfile] = []
    warnings = _dialect_warnings(dialect, options) if dialect else []
    with pq.ParquetFile(path) as file:
        n_rows = file.metadata.num_rows
        digests = RowDigests(n_rows)
        orders = orders_in(reading_of(file.schema_arrow))
        for field, pieces in _columns(file):
            wished = options.wish(field.name).type
            if _is_text(field):
                summary = _summary(pieces, digests, decimal)
                profile, warning = text_profile(field.name, summary, wished)
            else:
                kind: Any = field.type
                column: Any = pa.chunked_array(list(pieces), kind)
                digests.add(column)
                order = orders.get(field.name)
                profile, warning = _profile(field.name, column, wished, order)
            columns.append(profile)
            warnings += [warning] if warning else _constancy_warnings(profile)
    n_duplicates = digests.n_duplicates() if len(columns) > 1 else 0
    if n_duplicates:
        detail = f"{n_duplicates} of {n_rows} rows repeat an earlier one"
        warnings.append(TableWarning("duplicate_rows", None, detail))
    return TableProfile(n_rows, tuple(columns), tuple(warnings))


def _columns(file: pq.ParquetFile) -> Iterator[tuple[pa.Field[pa.DataType], Iterator[Column]]]:
    """The columns in their order, each in pieces; of many rows, text is read piece by piece."""
    schema = file.schema_arrow
    at_once = max(1, _CELLS_AT_ONCE // max(1, file.metadata.num_rows))
    for start in range(0, len(schema.names), at_once):
        names = schema.names[start : start + at_once]
        if at_once == 1 and _is_text(schema.field(start)):
            yield schema.field(start), _streamed(file, names)
            continue
        table = file.read(columns=names, use_threads=False)
        for name in names:
            yield schema.field(name), iter(table[name].chunks)


def _streamed(file: pq.ParquetFile, names: list[str]) -> Iterator[Column]:
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=names, use_threads=False)
        yield from table.column(0).chunks


def _summary(pieces: Iterator[Column], digests: RowDigests, decimal: str) -> TextSummary:
    summary = TextSummary(digests.n_rows)
    start = 0
    for piece in pieces:
        # Hashing the texts is most of the work on them, and both need it.
        hashes = hashes_of(piece)
        digests.add_piece(piece, start, hashes)
        summary.add(piece, hashes, start, decimal)
        start += len(piece)
    return summary


def _is_text(field: pa.Field[pa.DataType]) -> bool:
    return pa.types.is_dictionary(field.type) or pa.types.is_string(field.type)


def _profile(
    name: str, column: Chunks, wished: ColumnType | None, order: DateOrder | None
) -> tuple[ColumnProfile, TableWarning | None]:
    if pa.types.is_boolean(column.type):
        return boolean_profile(name, column, wished), None
    if pa.types.is_timestamp(column.type):
        return time_profile(name, column, wished, order), None
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
