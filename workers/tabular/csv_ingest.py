"""A CSV file of any size made typed Parquet, block by block.

The kind of each column is guessed from the first block. A later block that contradicts the guess
widens it; the rest of the file is then read for further contradictions only, and a second pass
writes it with kinds that fit every cell. Most files need one pass. Words that the first block has
in place of numbers are missing cells, unless a later block has other words as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from workers.tabular.cells import STORED_TYPES, Cells, Kind, uses_decimal_comma
from workers.tabular.csv_columns import ColumnReader, check_dates, date_orders
from workers.tabular.csv_dialect import Dialect, body_blocks, detect_dialect
from workers.tabular.errors import TableError
from workers.tabular.options import ColumnWish
from workers.tabular.parquet import TableWriter, with_reading
from workers.tabular.placeholders import placeholders
from workers.tabular.types import MISSING_TOKENS

if TYPE_CHECKING:
    from pathlib import Path

    from workers.tabular.csv_source import CsvSource
    from workers.tabular.options import IngestOptions


@dataclass(frozen=True)
class Typing:
    """How a file is written, and the kinds that its columns are taken for.

    Most cells of `plain_texts` differ. The words of `placeholders`, by column, are missing cells;
    so are those of `lost`, which may have a meaning, but none of the `usual` words.
    """

    dialect: Dialect
    kinds: Mapping[str, Kind]
    plain_texts: frozenset[str]
    placeholders: Mapping[str, tuple[str, ...]]
    usual: frozenset[str] = frozenset()
    lost: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def options(self, wished: IngestOptions) -> IngestOptions:
        """The owner's wishes, and what was found out beside them."""
        found = {
            name: ColumnWish(missing=(*MISSING_TOKENS, *words))
            for name, words in self.placeholders.items()
        }
        return replace(wished, schema={**wished.schema, **found})

    def widened(self, kinds: Mapping[str, Kind]) -> Typing:
        """The same with other kinds; a column of text has no placeholders."""
        kept = {n: words for n, words in self.placeholders.items() if kinds[n] != "string"}
        return replace(self, kinds=kinds, placeholders=kept)


def ingest_csv(source: CsvSource, options: IngestOptions, out: Path) -> Typing:
    """Write the typed table to `out`; how the file was written.

    Raises:
        TableError: the first thing that is wrong with the file.
    """
    source.check_content()
    typing = _guess(source, options)
    while (reader := _write(source, options, typing, out)).kinds != typing.kinds:
        typing = typing.widened(reader.kinds)
    check_dates(typing.kinds, options)
    lost = {name: words - typing.usual for name, words in reader.lost.items()}
    return replace(typing, lost=lost)


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
    found = {
        name: words
        for name in dialect.names
        if options.wish(name) == ColumnWish()
        and (words := placeholders(cells[name], dialect.decimal))
    }
    typing = Typing(dialect, {}, frozenset(), found)
    reader = ColumnReader(dialect, typing.options(options))
    reader.guess(reader.read_cells(block) if found else cells)
    typing = replace(typing, kinds=reader.kinds, plain_texts=frozenset(reader.plain_texts))
    return replace(typing, usual=_usual(cells, typing.kinds))


def _usual(cells: Mapping[str, Cells], kinds: Mapping[str, Kind]) -> frozenset[str]:
    """The words that stand for missing numbers, so that beside them they are no levels either."""
    others = (cells[name].lost for name in cells if kinds[name] != "string")
    return frozenset[str]().union(*others)


def _write(source: CsvSource, options: IngestOptions, typing: Typing, out: Path) -> ColumnReader:
    """Read the file once; the reader, of which the kinds fit all cells.

    Where they are those of `typing`, `out` holds the whole table.
    """
    options = typing.options(options)
    reader = ColumnReader(typing.dialect, options)
    reader.kinds = dict(typing.kinds)
    reader.plain_texts = set(typing.plain_texts)
    schema = pa.schema([(name, STORED_TYPES[kind]) for name, kind in typing.kinds.items()])
    reading = options.dated(date_orders(typing.kinds)).reading()
    with TableWriter(out, with_reading(schema, reading)) as writer:
        for block in body_blocks(source, typing.dialect, options.limits):
            columns = reader.read(block)
            if reader.kinds == typing.kinds:
                writer.write(columns)
    return reader
