"""A CSV file of any size made typed Parquet, block by block.

The kind of each column is guessed from the first block. A later block that contradicts the guess
widens it; the rest of the file is then read for further contradictions only, and a second pass
writes it with kinds that fit every cell. Most files need one pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from workers.tabular.cells import STORED_TYPES, Kind, uses_decimal_comma
from workers.tabular.csv_columns import ColumnReader
from workers.tabular.csv_dialect import Dialect, body_blocks, detect_dialect
from workers.tabular.errors import TableError
from workers.tabular.parquet import TableWriter, with_reading

if TYPE_CHECKING:
    from pathlib import Path

    from workers.tabular.csv_source import CsvSource
    from workers.tabular.options import IngestOptions


@dataclass(frozen=True)
class Typing:
    """How a file is written, and the kinds that its columns are taken for.

    Most cells of `plain_texts` differ.
    """

    dialect: Dialect
    kinds: Mapping[str, Kind]
    plain_texts: frozenset[str]


def ingest_csv(source: CsvSource, options: IngestOptions, out: Path) -> Dialect:
    """Write the typed table to `out`; how the file was written.

    Raises:
        TableError: the first thing that is wrong with the file.
    """
    source.check_content()
    typing = _guess(source, options)
    while (fitting := _write(source, options, typing, out)) != typing.kinds:
        typing = replace(typing, kinds=fitting)
    return typing.dialect


def _guess(source: CsvSource, options: IngestOptions) -> Typing:
    dialect = detect_dialect(source, options.parse, options.limits)
    for column in options.schema:
        if column not in dialect.names:
            raise TableError("unknown_column", "the file has no such column", column=column)
    block = next(body_blocks(source, dialect, options.limits), None)
    if block is None:
        raise TableError("dataset_empty", "the file has no row below its header")
    cells = ColumnReader(dialect, options).read_cells(block)
    if options.parse.decimal is None and uses_decimal_comma(list(cells.values())):
        dialect = replace(dialect, decimal=",")
    reader = ColumnReader(dialect, options)
    reader.guess(cells)
    return Typing(dialect, reader.kinds, frozenset(reader.plain_texts))


def _write(source: CsvSource, options: IngestOptions, typing: Typing, out: Path) -> dict[str, Kind]:
    """Read the file once; the kinds that fit all its cells.

    Where they are those of `typing`, `out` holds the whole table.
    """
    reader = ColumnReader(typing.dialect, options)
    reader.kinds = dict(typing.kinds)
    reader.plain_texts = set(typing.plain_texts)
    schema = pa.schema([(name, STORED_TYPES[kind]) for name, kind in typing.kinds.items()])
    with TableWriter(out, with_reading(schema, options.reading())) as writer:
        for block in body_blocks(source, typing.dialect, options.limits):
            columns = reader.read(block)
            if reader.kinds == typing.kinds:
                writer.write(columns)
    return reader.kinds
