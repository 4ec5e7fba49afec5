"""CSV rows to predict: cells by the rules of ingest, left as text for the model to read."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from workers.tabular.cells import Cells, are_numbers, uses_decimal_comma
from workers.tabular.csv_columns import ColumnReader
from workers.tabular.csv_dialect import body_blocks, detect_dialect
from workers.tabular.csv_source import CsvSource
from workers.tabular.errors import TableError
from workers.tabular.options import IngestOptions

if TYPE_CHECKING:
    from workers.tabular.cells import Column

_DEFAULTS = IngestOptions()


def prediction_rows(data: bytes, options: IngestOptions = _DEFAULTS) -> dict[str, list[str | None]]:
    """The columns of the file: cells without blanks around them, None where one is missing.

    Numbers with a decimal comma are written with a point. Of `options.schema` the missing tokens
    count; a column that it names may be absent. The options are those the training data was read
    with, and the limits those of a request.

    Raises:
        TableError: dataset_empty, ragged_row and everything else that is wrong with the file.
    """
    source = CsvSource(lambda: io.BytesIO(data), options.parse.codec)
    source.check_content()
    dialect = detect_dialect(source, options.parse, options.limits)
    # Every row is answered: where there is one column, a line without a cell is a missing one.
    dialect = replace(dialect, blank_rows=len(dialect.names) == 1)
    reader = ColumnReader(dialect, options)
    blocks = [reader.read_cells(block) for block in body_blocks(source, dialect, options.limits)]
    if not blocks:
        raise TableError("dataset_empty", "the file has no row below its header")
    decimal = options.parse.decimal or _decimal(blocks)
    columns: dict[str, list[str | None]] = {name: [] for name in dialect.names}
    for cells_by_column in blocks:
        for name, cells in cells_by_column.items():
            columns[name] += _texts(cells, decimal)
    return columns


def _decimal(blocks: list[dict[str, Cells]]) -> str:
    return "," if any(uses_decimal_comma(list(cells.values())) for cells in blocks) else "."


def _texts(cells: Cells, decimal: str) -> list[str | None]:
    distinct = cells.distinct
    if decimal == ",":
        with_point = pc.replace_substring(distinct, ",", ".")
        distinct = pc.if_else(are_numbers(distinct, ","), with_point, distinct)
    texts: Column = distinct.take(cells.indices)
    return texts.to_pylist()
