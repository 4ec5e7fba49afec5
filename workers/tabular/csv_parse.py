"""One block of CSV as columns, by Arrow.

Two ways lead to the same columns. `parse_cells` takes every cell as text and is the reference;
`parse_typed` lets Arrow read the numbers at once, which is several times faster, and gives up when
a block has a cell that its rules do not know.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.csv as pa_csv

from workers.tabular.cells import Cells
from workers.tabular.csv_records import line_of_record
from workers.tabular.errors import TableError
from workers.tabular.types import MISSING_TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.tabular.csv_blocks import Block
    from workers.tabular.csv_dialect import Dialect

_ENCODED = pa.dictionary(pa.int32(), pa.string())


def parse_typed(
    block: Block, dialect: Dialect, types: Mapping[str, pa.DataType], n_rows_before: int
) -> pa.Table | None:
    """The block with its columns in these types: float64, string, or else as raw dictionaries.

    None if a cell of a column of float64 is neither missing nor, by Arrow's rules, a number.
    Numbers may be infinite or NaN; in the other columns missing cells are still text.

    Raises:
        TableError: ragged_row.
    """
    known = {name: types.get(name, _ENCODED) for name in dialect.names}
    return _read(block, dialect, known, n_rows_before)


def parse_cells(
    block: Block, dialect: Dialect, missing: Mapping[str, Sequence[str]], n_rows_before: int
) -> dict[str, Cells]:
    """The cells of the block by column; `missing` names the tokens of columns with their own.

    Raises:
        TableError: ragged_row, dataset_unreadable.
    """
    table = _read(block, dialect, dict.fromkeys(dialect.names, _ENCODED), n_rows_before)
    if table is None:
        line = block.first_line
        raise TableError("dataset_unreadable", f"no CSV records from line {line} on", line=line)
    return {
        name: Cells.clean(table[name].combine_chunks(), missing.get(name, MISSING_TOKENS))
        for name in dialect.names
    }


def _read(
    block: Block, dialect: Dialect, types: dict[str, pa.DataType], n_rows_before: int
) -> pa.Table | None:
    ragged: list[pa_csv.InvalidRow] = []

    def refuse(row: pa_csv.InvalidRow) -> Literal["skip", "error"]:
        ragged.append(row)
        return "error"

    marks = dialect.marks
    try:
        return pa_csv.read_csv(
            io.BytesIO(block.data),
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=len(block.data) + 1, column_names=list(dialect.names)
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=marks.delimiter.decode(),
                quote_char=marks.quote.decode() or False,
                newlines_in_values=bool(marks.quote) and marks.quote in block.data,
                invalid_row_handler=refuse,
                ignore_empty_lines=not dialect.blank_rows,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=types,
                null_values=list(MISSING_TOKENS),
                strings_can_be_null=False,
                decimal_point=dialect.decimal,
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        if ragged:
            raise _ragged(block, dialect, ragged[0], n_rows_before) from None
        return None


def _ragged(
    block: Block, dialect: Dialect, found: pa_csv.InvalidRow, n_rows_before: int
) -> TableError:
    line = line_of_record(
        block, dialect.marks, (found.number or 1) - 1, blank_rows=dialect.blank_rows
    )
    row = n_rows_before + (found.number or 1)
    detail = f"row {row} (line {line}) has {found.actual_columns} cells"
    return TableError(
        "ragged_row", f"{detail}, the header has {found.expected_columns}", row=row, line=line
    )
