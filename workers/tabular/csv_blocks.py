"""A CSV file as blocks of whole records, each checked for what no parser should meet.

A block ends where a record ends, so that blocks can be parsed one by one, memory does not grow with
the file, and an error is found with the line it stands in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workers.tabular.csv_quotes import QuotedFields
from workers.tabular.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.tabular.csv_source import ByteStream
    from workers.tabular.options import Limits

_BLOCK_BYTES_PER_COLUMN = 4 << 10
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Marks:
    """The bytes that give a file its shape; `quote` is empty where nothing is quoted."""

    delimiter: bytes
    quote: bytes
    newline: bytes


@dataclass(frozen=True)
class Block:
    """Whole records in UTF-8, and the number of the line they start in, from 1."""

    data: bytes
    first_line: int


def block_bytes(limits: Limits, n_columns: int) -> int:
    """The size of a block: large beside a line, and beside the work that each column costs."""
    return max(limits.block_bytes, 2 * limits.line_bytes, _BLOCK_BYTES_PER_COLUMN * n_columns)


def read_blocks(stream: ByteStream, marks: Marks, limits: Limits, size: int) -> Iterator[Block]:
    """All records from where the stream stands, in blocks of about `size` bytes.

    Raises:
        TableError: nul_character, encoding, csv_line_too_long, csv_field_too_long,
            csv_unclosed_quote, each with its line.
    """
    line, rest = 1, b""
    while True:
        more = stream.read(size)
        data = rest + more
        if not data:
            return
        block = Block(data, line)
        _check_bytes(block, limits, marks)
        end = _last_record_end(block, marks, limits, at_end=not more)
        if not end and len(data) > 2 * size:
            raise _record_too_long(line, size)
        if end:
            yield Block(data[:end], line)
        line += data.count(marks.newline, 0, end)
        rest = data[end:]


def _check_bytes(block: Block, limits: Limits, marks: Marks) -> None:
    nul = block.data.find(b"\0")
    if nul >= 0:
        line = _line(block, nul, marks)
        raise TableError("nul_character", f"line {line} holds a NUL character", line=line)
    too_long = _long_run(block.data, (marks.newline,), limits.line_bytes)
    if too_long is not None:
        line = _line(block, too_long, marks)
        raise TableError(
            "csv_line_too_long",
            f"line {line} is longer than {limits.line_bytes} bytes",
            line=line,
            limit=limits.line_bytes,
        )
    too_long = _long_run(block.data, (marks.newline, marks.delimiter), limits.field_bytes)
    if too_long is not None:
        raise _field_too_long(block, too_long, marks, limits)


def _long_run(data: bytes, separators: tuple[bytes, ...], limit: int) -> int | None:
    """Where a run of more than `limit` bytes without a separator starts.

    Jumps from the last separator within reach to the next: it looks at few of the bytes.
    """
    start = 0
    while len(data) - start > limit:
        last = max(data.rfind(separator, start, start + limit + 1) for separator in separators)
        if last < 0:
            return start
        start = last + 1
    return None


def _last_record_end(block: Block, marks: Marks, limits: Limits, *, at_end: bool) -> int:
    """The number of bytes of the block that are whole, valid records; 0 where none ends yet."""
    quoted = QuotedFields.find(block.data, marks.quote, marks.delimiter)
    _check_quoted(block, quoted, marks, limits, at_end=at_end)
    end = len(block.data) if at_end else quoted.last_outside(block.data, marks.newline) + 1
    _check_utf8(block, end, marks)
    return end


def _check_quoted(
    block: Block, quoted: QuotedFields, marks: Marks, limits: Limits, *, at_end: bool
) -> None:
    long = np.flatnonzero(quoted.ends - quoted.starts > limits.field_bytes)
    if long.size:
        raise _field_too_long(block, int(quoted.starts[long[0]]), marks, limits)
    if quoted.unclosed is None:
        return
    if len(block.data) - quoted.unclosed > limits.field_bytes:
        raise _field_too_long(block, quoted.unclosed, marks, limits)
    if at_end:
        line = _line(block, quoted.unclosed, marks)
        raise TableError(
            "csv_unclosed_quote", f"the quote that opens in line {line} never closes", line=line
        )


def _check_utf8(block: Block, end: int, marks: Marks) -> None:
    if block.data.isascii():
        return
    try:
        block.data[:end].decode()
    except UnicodeDecodeError as error:
        line = _line(block, error.start, marks)
        raise TableError(
            "encoding",
            f"line {line} is not UTF-8: say what it is with parse.encoding, or send UTF-8",
            line=line,
        ) from None


def _record_too_long(line: int, size: int) -> TableError:
    detail = f"the record that starts in line {line} is longer than {size} bytes"
    return TableError("csv_line_too_long", detail, line=line, limit=size)


def _field_too_long(block: Block, position: int, marks: Marks, limits: Limits) -> TableError:
    line = _line(block, position, marks)
    return TableError(
        "csv_field_too_long",
        f"a field that starts in line {line} is longer than {limits.field_bytes} bytes"
        " (is a quote missing?)",
        line=line,
        limit=limits.field_bytes,
    )


def _line(block: Block, position: int, marks: Marks) -> int:
    return block.first_line + block.data.count(marks.newline, 0, position)
