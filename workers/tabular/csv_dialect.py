"""How a CSV file is written: its separators and its header."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from workers.tabular.csv_blocks import BYTE_ORDER_MARK, Block, Marks, block_bytes, read_blocks
from workers.tabular.csv_records import read_records
from workers.tabular.errors import TableError
from workers.tabular.types import BLANKS, parse_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.tabular.csv_source import CsvSource
    from workers.tabular.options import Limits, ParseWish

_DELIMITERS = (b",", b";", b"\t", b"|")
_SAMPLE_RECORDS = 100


@dataclass(frozen=True)
class Dialect:
    """The separators of a file, and the names of its columns in their order.

    `body_line` is the number of the first line behind the header, or behind nothing. With
    `blank_rows` an empty line is a row, which only a file of one column can have; else it is none.
    """

    marks: Marks
    names: tuple[str, ...]
    body_line: int
    decimal: str = "."
    blank_rows: bool = False

    @property
    def header_of_numbers(self) -> bool:
        """Whether every name is a number, as in a file whose first line is no header."""
        return all(parse_number(name) is not None for name in self.names)


def detect_dialect(source: CsvSource, parse: ParseWish, limits: Limits) -> Dialect:
    """The dialect of the file, as wished or as its first records show it.

    Raises:
        TableError: dataset_empty; too_many_columns; duplicate_column, empty_column_name,
            column_name_too_long; the errors of `read_blocks`, when the header is in such a block.
    """
    marks = _detect_marks(_head(source, limits), parse)
    with closing(source.open()) as stream:
        first = next(read_blocks(stream, marks, limits, block_bytes(limits, 0)), None)
    text = "" if first is None else first.data.removeprefix(BYTE_ORDER_MARK).decode()
    record = next(read_records(text, marks), None)
    if record is None:
        raise _no_header(text)
    if len(record.cells) > limits.columns:
        detail = f"the file has {len(record.cells)} columns, and at most {limits.columns} are read"
        raise TableError("too_many_columns", detail, limit=limits.columns)
    if not parse.header:
        names = tuple(f"column_{number}" for number in range(1, len(record.cells) + 1))
        return Dialect(marks, names, 1, parse.decimal or ".")
    names = tuple(name.strip(BLANKS) for name in record.cells)
    check_names(names, limits)
    return Dialect(marks, names, record.last_line + 1, parse.decimal or ".")


def _no_header(text: str) -> TableError:
    if text.strip():
        return TableError("dataset_unreadable", "line 1 cannot be read as CSV", line=1)
    return TableError("dataset_empty", "the file holds no record")


def body_blocks(source: CsvSource, dialect: Dialect, limits: Limits) -> Iterator[Block]:
    """The records behind the header, in blocks with one or more each."""
    size = block_bytes(limits, len(dialect.names))
    with closing(source.open()) as stream:
        for block in read_blocks(stream, dialect.marks, limits, size):
            body = block if block.first_line > 1 else _without_header(block, dialect)
            # Arrow refuses to parse what is nothing but blank lines.
            if body.data if dialect.blank_rows else body.data.lstrip(b"\r\n"):
                yield body


def _without_header(block: Block, dialect: Dialect) -> Block:
    data, newline = block.data.removeprefix(BYTE_ORDER_MARK), dialect.marks.newline
    position = 0
    for _ in range(dialect.body_line - 1):
        end = data.find(newline, position)
        position = len(data) if end < 0 else end + 1
    return replace(block, data=data[position:], first_line=dialect.body_line)


def _head(source: CsvSource, limits: Limits) -> bytes:
    with closing(source.open()) as stream:
        return stream.read(limits.line_bytes).removeprefix(BYTE_ORDER_MARK)


def _detect_marks(head: bytes, parse: ParseWish) -> Marks:
    newline = b"\n" if b"\n" in head else b"\r"
    quote = b'"' if parse.quote is None else parse.quote.encode()
    if parse.delimiter is not None:
        return Marks(parse.delimiter.encode(), quote, newline)
    text = head.decode(errors="replace")
    candidates = [Marks(delimiter, quote, newline) for delimiter in _DELIMITERS]
    return max(candidates, key=lambda marks: _agreement(text, marks))


def _agreement(text: str, marks: Marks) -> tuple[float, int]:
    """How well the delimiter explains the sample: the share of records as wide as the first."""
    widths = [len(record.cells) for record in islice(read_records(text, marks), _SAMPLE_RECORDS)]
    if not widths or widths[0] < 2:
        return 0.0, 0
    # The last record of the sample may be cut short.
    complete = widths[:-1] or widths
    return Counter(complete)[widths[0]] / len(complete), widths[0]


def check_names(names: tuple[str, ...], limits: Limits) -> None:
    """Refuse names that cannot tell columns apart.

    Raises:
        TableError: empty_column_name, column_name_too_long, duplicate_column.
    """
    seen: set[str] = set()
    for position, name in enumerate(names, start=1):
        if not name:
            advice = "name it, or leave it out"
            if position == 1:
                advice += ": pandas leaves row numbers out with index=False"
            elif position == len(names):
                advice += ": a line that ends with a delimiter has one cell more"
            raise TableError("empty_column_name", f"column {position} has no name: {advice}")
        if len(name) > limits.name_characters:
            detail = f"the name of column {position} is longer than {limits.name_characters}"
            raise TableError(
                "column_name_too_long", f"{detail} characters", limit=limits.name_characters
            )
        if name in seen:
            detail = f"column {position} has the name of an earlier one"
            raise TableError("duplicate_column", detail, column=name)
        seen.add(name)
