"""Blocks of CSV as columns of known kinds, and what is learned where a block contradicts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from workers.tabular.cells import (
    DATE_ORDERS,
    Cells,
    are_finite,
    classify,
    clean_text,
    convert,
    first_misfit,
    integers,
    join,
    kind_of_dates,
    lost_words,
)
from workers.tabular.csv_parse import parse_cells, parse_typed
from workers.tabular.csv_records import line_of_record
from workers.tabular.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.tabular.cells import Column, Kind
    from workers.tabular.csv_blocks import Block
    from workers.tabular.csv_dialect import Dialect
    from workers.tabular.options import ColumnWish, IngestOptions, Limits
    from workers.tabular.types import ColumnType, DateOrder

# What a wish for a type makes of a column before its first cell is seen.
WISHED_KINDS: dict[ColumnType, Kind] = {
    "numeric": "integer",
    "boolean": "truth",
    "datetime": "datetime",
    "categorical": "string",
    "text": "string",
    "ignore": "string",
}
BAD_CELL = {
    "numeric": ("bad_number", "not a number"),
    "boolean": ("bad_boolean", "none of true, false, yes, no, t, f, y, n, 1, 0"),
    "datetime": (
        "bad_datetime",
        "not a date as 2024-05-31 or 31.05.2024, with a time or without, "
        "nor one as 05/01/2024 in the order that `dates` of the schema says",
    ),
}


def first_kind(wish: ColumnWish, cells: Cells, decimal: str) -> Kind:
    """What a column is taken for: what is wished, or what its first cells are."""
    if wish.dates is not None:
        return wish.dates
    if wish.type == "datetime":
        return kind_of_dates(cells.present) or "datetime"
    return WISHED_KINDS[wish.type] if wish.type else classify(cells, decimal)


def fulfils(wished: ColumnType, known: Kind, found: Kind) -> bool:
    """Whether cells of a kind are what was wished, though the column was taken for another kind."""
    if wished == "datetime":
        return join(known, found) != "string"
    return wished == "numeric" and found == "float"


def check_dates(kinds: Mapping[str, Kind], options: IngestOptions) -> None:
    """Refuse what was wished to be dates, where no cell tells the day from the month.

    Raises:
        TableError: bad_datetime.
    """
    for name, kind in kinds.items():
        if kind == "either_first" and options.wish(name).type == "datetime":
            detail = "no cell says if the day or the month comes first: say `dates` of the schema"
            raise TableError("bad_datetime", detail, column=name)


def date_orders(kinds: Mapping[str, Kind]) -> dict[str, DateOrder]:
    """Of the columns whose dates are as 05/01/2024, which part comes first."""
    return {name: kind for name, kind in kinds.items() if kind in DATE_ORDERS}


class ColumnReader:
    """Reads the blocks of a file in their order.

    `kinds` is what the columns are taken for; it widens where a block has a cell that does not fit.
    Columns of `plain_texts` are read cell by cell, without a dictionary. `n_rows` counts the rows
    of the blocks read; `lost` are their `Cells.lost` by column.
    """

    def __init__(self, dialect: Dialect, options: IngestOptions) -> None:
        self._dialect = dialect
        self._options = options
        self._missing = {name: options.wish(name).missing_tokens for name in dialect.names}
        self.plain_texts: set[str] = set()
        self.kinds: dict[str, Kind] = {}
        self.lost = dict.fromkeys(dialect.names, frozenset[str]())
        self.n_rows = 0

    def guess(self, cells: dict[str, Cells]) -> None:
        """Take the columns for what is wished, or for what these cells are."""
        for name in self._dialect.names:
            wish = self._options.wish(name)
            self.kinds[name] = first_kind(wish, cells[name], self._dialect.decimal)
            if self.kinds[name] == "string" and cells[name].differ_mostly:
                self.plain_texts.add(name)

    def read_cells(self, block: Block) -> dict[str, Cells]:
        """The cells of the block by column, whatever they are.

        Raises:
            TableError: ragged_row, too_many_rows, too_many_cells.
        """
        cells = parse_cells(block, self._dialect, self._missing, self.n_rows)
        self._count(len(cells[self._dialect.names[0]].indices))
        return cells

    def read(self, block: Block) -> dict[str, Column]:
        """The columns of the block in the stored types of `kinds`, widened first where needed.

        Raises:
            TableError: ragged_row; bad_number, bad_boolean, bad_datetime, where a type was wished;
                too_many_rows, too_many_cells.
        """
        columns = self._read_typed(block)
        if columns is None:
            cells = parse_cells(block, self._dialect, self._missing, self.n_rows)
            columns = {name: self._fit(name, cells[name], block) for name in cells}
        self._count(len(columns[self._dialect.names[0]]))
        return columns

    def _read_typed(self, block: Block) -> dict[str, Column] | None:
        types: dict[str, pa.DataType] = dict.fromkeys(self.plain_texts, pa.string())
        types |= {n: pa.float64() for n in self._dialect.names if self._reads_as_number(n)}
        table = parse_typed(block, self._dialect, types, self.n_rows)
        if table is None:
            return None
        columns: dict[str, Column] = {}
        for name in self._dialect.names:
            column = self._convert(name, table[name].combine_chunks())
            if column is None:
                return None
            columns[name] = column
        return columns

    def _reads_as_number(self, name: str) -> bool:
        # Arrow knows one list of missing tokens for all the columns of a file.
        own_missing = self._options.wish(name).missing is not None
        return self.kinds[name] in ("integer", "float") and not own_missing

    def _number(self, name: str, numbers: Column) -> Column | None:
        if not are_finite(numbers):
            return None
        return integers(numbers) if self.kinds[name] == "integer" else numbers

    def _convert(self, name: str, raw: Column) -> Column | None:
        if pa.types.is_floating(raw.type):
            return self._number(name, raw)
        if pa.types.is_string(raw.type):
            clean = clean_text(raw, self._missing[name])
            self.lost[name] |= lost_words(raw, clean)
            return clean
        cells = Cells.clean(raw, self._missing[name])
        self.lost[name] |= cells.lost
        return convert(cells, self.kinds[name], self._dialect.decimal)

    def _fit(self, name: str, cells: Cells, block: Block) -> Column:
        self.lost[name] |= cells.lost
        column = convert(cells, self.kinds[name], self._dialect.decimal)
        if column is not None:
            return column
        found = classify(cells, self._dialect.decimal)
        wished = self._options.wish(name).checked_type
        if wished in BAD_CELL and not fulfils(wished, self.kinds[name], found):
            raise self._bad_cell(name, cells, block)
        self.kinds[name] = join(self.kinds[name], found)
        return cells.indices

    def _bad_cell(self, name: str, cells: Cells, block: Block) -> TableError:
        wished = self._options.wish(name).checked_type
        kind: Kind = "float" if wished == "numeric" else self.kinds[name]
        index = first_misfit(cells, kind, self._dialect.decimal)
        row, line = self.n_rows + index + 1, line_of_record(block, self._dialect.marks, index)
        code, what = BAD_CELL[wished or ""]
        return TableError(
            code, f"row {row} (line {line}): the cell is {what}", row=row, line=line, column=name
        )

    def _count(self, n_rows: int) -> None:
        self.n_rows += n_rows
        check_size(self.n_rows, len(self._dialect.names), self._options.limits)


def check_size(n_rows: int, n_columns: int, limits: Limits) -> None:
    """Refuse a table that is too large.

    Raises:
        TableError: too_many_rows, too_many_cells.
    """
    if n_rows > limits.rows:
        detail = f"the file has more than {limits.rows} rows"
        raise TableError("too_many_rows", detail, limit=limits.rows)
    if n_rows * n_columns > limits.cells:
        detail = f"the file has more than {limits.cells} cells"
        raise TableError("too_many_cells", detail, limit=limits.cells)
