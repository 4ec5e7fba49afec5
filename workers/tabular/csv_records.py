"""CSV records one by one with their lines, for headers, samples and the places of errors.

Python's reader is slow, and it knows the line where each record starts.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.tabular.csv_blocks import Block, Marks


@dataclass(frozen=True)
class Record:
    """The cells of one record, and the lines of the text it covers, counted from 1."""

    cells: list[str]
    first_line: int
    last_line: int


def read_records(text: str, marks: Marks, *, blank_rows: bool = False) -> Iterator[Record]:
    """The records of the text until one that cannot be read; blank lines are none unless said."""
    reader = csv.reader(
        io.StringIO(text, newline=marks.newline.decode()),
        delimiter=marks.delimiter.decode(),
        quotechar=marks.quote.decode() or None,
        quoting=csv.QUOTE_MINIMAL if marks.quote else csv.QUOTE_NONE,
    )
    last_line = 0
    try:
        for cells in reader:
            if cells or blank_rows:
                yield Record(cells, last_line + 1, reader.line_num)
            last_line = reader.line_num
    except csv.Error:
        return


def line_of_record(
    block: Block, marks: Marks, index: int, *, blank_rows: bool = False
) -> int | None:
    """The line of the file in which the record `index` (from 0) of the block starts."""
    records = read_records(block.data.decode(), marks, blank_rows=blank_rows)
    for number, record in enumerate(records):
        if number == index:
            return block.first_line + record.first_line - 1
    return None
