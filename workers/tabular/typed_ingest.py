"""A table whose blocks come as columns of values, made typed Parquet.

As for CSV: the first block says what its columns are, a later one that contradicts widens them, and
a second pass then writes the table. Most files need one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from workers.tabular.cells import STORED_TYPES, Kind
from workers.tabular.csv_columns import check_dates, date_orders
from workers.tabular.errors import TableError
from workers.tabular.parquet import TableWriter, with_reading
from workers.tabular.typed_columns import TypedReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from workers.tabular.cells import Column
    from workers.tabular.options import IngestOptions

    Blocks: TypeAlias = Callable[[], Iterator[Mapping[str, Column]]]


def ingest_blocks(
    blocks: Blocks, options: IngestOptions, out: Path, too_long: str = "field_too_long"
) -> dict[str, frozenset[str]]:
    """Write the typed table to `out`; `blocks` begins again with each call.

    By column the words that were made missing, though they may have a meaning.

    Raises:
        TableError: the first thing that is wrong with the table; `too_long` is the code of a text
            beyond the limit.
    """
    first = next(blocks(), None)
    if first is None:
        raise TableError("dataset_empty", "the file holds no row")
    for column in options.schema:
        if column not in first:
            raise TableError("unknown_column", "the file has no such column", column=column)
    reader = TypedReader(options, too_long=too_long)
    reader.read(first)
    kinds: dict[str, Kind] | None = None
    while reader.kinds != kinds:
        kinds = dict(reader.kinds)
        options = replace(options, texts=tuple(sorted(reader.texts.union(options.texts))))
        reader = TypedReader(options, kinds, too_long)
        _write(blocks, reader, options, out)
    check_dates(reader.kinds, options)
    return reader.lost


def _write(blocks: Blocks, reader: TypedReader, options: IngestOptions, out: Path) -> None:
    kinds = dict(reader.kinds)
    schema = pa.schema([(name, STORED_TYPES[kind]) for name, kind in kinds.items()])
    reading = options.dated(date_orders(kinds)).reading()
    with TableWriter(out, with_reading(schema, reading)) as writer:
        for block in blocks():
            columns = reader.read(block)
            if reader.kinds == kinds:
                writer.write(columns)
