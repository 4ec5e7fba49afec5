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


def read_records(text: str, marks: Marks) -> Iterator[Record]:
    """The records of the text, blank lines left out, until one that cannot be read."""
    reader = csv.reader(
        io.StringIO(text, newline=marks.newline.decode()),
        delimiter=marks.delimiter.decode(),
        quotechar=marks.quote.decode() or None,
        quoting=csv.QUOTE_MINIMAL if marks.quote else csv.QUOTE_NONE,
    )
    last_line = 0
    try:
        for cells in reader:
            if cells:
                yield Record(cells, last_line + 1, reader.line_num)
            last_line = reader.line_num
    except csv.Error:
        return


def line_of_record(block: Block, marks: Marks, index: int) -> int | None:
    """The line of the file in which the record `index` (from 0) of the block starts."""
    for number, record in enumerate(read_records(block.data.decode(), marks)):
        if number == index:
            return block.first_line + record.first_line - 1
    return None
