"""JSON rows and NDJSON as blocks of whole rows, without reading what stands inside them.

There is no streaming JSON reader among the libraries that are used here. What is needed of one is
little: where a row ends. Each block then goes to orjson.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workers.tabular.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from numpy.typing import NDArray

_QUOTE, _BACKSLASH = b'"\\'
_OPENING = re.compile(rb'(\xef\xbb\xbf)?\s*(\[|(\{)\s*"rows"\s*:\s*\[)\s*')
_LONGEST_OPENING = 4096
_GAP = re.compile(rb"\}\s*,\s*\{")
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class RowsText:
    """The text of whole rows with the separators between them, and the number of rows before."""

    data: bytes
    is_lines: bool

    @property
    def array(self) -> bytes:
        """The rows as one JSON array."""
        if not self.is_lines:
            return b"[" + self.data + b"]"
        lines = [line for line in self.data.split(b"\n") if line.strip()]
        return b"[" + b",".join(lines) + b"]"


def line_rows(stream: BinaryIO, size: int) -> Iterator[RowsText]:
    """The rows of NDJSON, a line each; blank lines are none.

    Raises:
        TableError: json_row_too_long.
    """
    rest = b""
    is_first = True
    while more := stream.read(size):
        data = rest + (more.removeprefix(_MARK) if is_first else more)
        is_first = False
        # No string of JSON holds a line end as it is.
        end = data.rfind(b"\n") + 1
        if not end and len(data) > 2 * size:
            raise _too_long(size)
        if data[:end].strip():
            yield RowsText(data[:end], is_lines=True)
        rest = data[end:]
    if rest.strip():
        yield RowsText(rest, is_lines=True)


def array_rows(stream: BinaryIO, size: int) -> Iterator[RowsText]:
    """The rows of an array of objects, alone or as the only member `rows` of an object.

    Raises:
        TableError: json_syntax, json_row_too_long.
    """
    data = stream.read(max(size, _LONGEST_OPENING))
    opening = _OPENING.match(data)
    if opening is None:
        raise TableError("json_not_rows", "the file is not an array of objects")
    closing = rb"\s*\]\s*\}\s*" if opening[3] else rb"\s*\]\s*"
    rest = data[opening.end() :]
    is_first = True
    while True:
        end = _end_of_plain_rows(rest) or _end_of_rows(rest)
        if end:
            yield RowsText(_separated(rest[:end], is_first=is_first), is_lines=False)
            is_first = False
            rest = rest[end:]
        if len(rest) > 2 * size:
            raise _too_long(size)
        more = stream.read(size)
        # What comes last may not be cut off at once.
        if not more and not end:
            break
        rest += more
    if not re.fullmatch(closing, rest):
        raise TableError("json_syntax", "the array of rows does not end as JSON does")


def _separated(data: bytes, *, is_first: bool) -> bytes:
    """The rows without the comma that stands before all but the first of the file."""
    if is_first:
        return data
    data = data.lstrip(b" \t\r\n")
    if not data.startswith(b","):
        raise TableError("json_syntax", "a comma is missing between two rows")
    return data[1:]


def _end_of_plain_rows(data: bytes) -> int:
    """As `_end_of_rows`, at once; 0 where a bracket stands in the rows, or none surely ends."""
    gap = _GAP.search(data)
    if gap is None:
        return 0
    end = data.rfind(gap[0]) + 1
    if data.find(b"[", 0, end) >= 0 or data.find(b"]", 0, end) >= 0:
        return 0
    # Without an array only rows are parted so, outside of strings.
    n_quotes = np.count_nonzero(_quotes(np.frombuffer(data, np.uint8, end)))
    return 0 if n_quotes % 2 else end


def _end_of_rows(data: bytes) -> int:
    """The number of bytes up to the end of the last whole row; 0 where none ends."""
    octets = np.frombuffer(data, np.uint8)
    outside = outside_strings(octets)
    opening = ((octets == ord("{")) | (octets == ord("["))) & outside
    closing = ((octets == ord("}")) | (octets == ord("]"))) & outside
    places = np.flatnonzero(opening | closing)
    depth = np.cumsum(np.where(opening[places], 1, -1))
    # Below 0 the array itself ends.
    after = np.flatnonzero(depth < 0)
    if after.size:
        places, depth = places[: after[0]], depth[: after[0]]
    ends = places[depth == 0]
    return int(ends[-1]) + 1 if ends.size else 0


def outside_strings(octets: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bytes of JSON text that starts outside a string stand outside of strings."""
    quotes = _quotes(octets)
    inside: NDArray[np.bool_] = np.logical_xor.accumulate(quotes)
    outside: NDArray[np.bool_] = ~(inside | quotes)
    return outside


def _quotes(octets: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bytes begin or end a string."""
    quotes: NDArray[np.bool_] = octets == _QUOTE
    slashes = np.flatnonzero(octets == _BACKSLASH)
    if slashes.size:
        quotes[_escaped(slashes, len(octets))] = False
    return quotes


def _escaped(slashes: NDArray[np.intp], n_bytes: int) -> NDArray[np.intp]:
    """The places behind runs of backslashes of odd length."""
    begins = np.flatnonzero(np.diff(slashes, prepend=-2) > 1)
    lengths = np.diff(begins, append=len(slashes))
    after = slashes[begins] + lengths
    escaped: NDArray[np.intp] = after[(lengths % 2 == 1) & (after < n_bytes)]
    return escaped


def _too_long(size: int) -> TableError:
    detail = f"a row is longer than {size} bytes, or the text is not closed"
    return TableError("json_row_too_long", detail, limit=size)
