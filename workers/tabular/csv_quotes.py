"""Where the quoted fields of a piece of CSV are, so that a line end inside one ends no record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]

_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True)
class QuotedFields:
    """Quoted fields by the positions of their first and last quote, in ascending order.

    A quote opens a field only at its beginning, is written double inside one, and is an ordinary
    character elsewhere (as in `6" pipe`): the rules of the parser that follows. `unclosed` is the
    position of the quote that opens a field which is not closed within the data.
    """

    starts: Positions
    ends: Positions
    unclosed: int | None

    @classmethod
    def find(cls, data: bytes, quote: bytes, delimiter: bytes) -> QuotedFields:
        """The quoted fields of data that starts at the beginning of a record."""
        if not quote or quote not in data:
            return cls(_NONE, _NONE, None)
        octets = np.frombuffer(data, np.uint8)
        quotes = np.flatnonzero(octets == quote[0])
        if _all_regular(octets, quotes, quote + delimiter + b"\r\n"):
            return _paired(quotes)
        return _walked(data, quote, delimiter)

    def last_outside(self, data: bytes, byte: bytes) -> int:
        """The last position of the byte that no quoted field covers, or -1."""
        end = len(data) if self.unclosed is None else self.unclosed
        while (position := data.rfind(byte, 0, end)) >= 0:
            field = int(np.searchsorted(self.starts, position)) - 1
            if field < 0 or self.ends[field] < position:
                return position
            end = int(self.starts[field])
        return -1


def _all_regular(octets: NDArray[np.uint8], quotes: Positions, neighbours: bytes) -> bool:
    """Whether every second quote opens after a separator, and the others close before one.

    Then quotes pair up in order and need no walk. A double quote looks like one that closes and
    one that opens, which `_paired` joins again.
    """
    allowed = np.zeros(256, bool)
    allowed[list(neighbours)] = True
    opening, closing = quotes[0::2], quotes[1::2]
    before = octets[opening[opening > 0] - 1]
    after = octets[closing[closing < len(octets) - 1] + 1]
    return bool(allowed[before].all() and allowed[after].all())


def _paired(quotes: Positions) -> QuotedFields:
    opening, closing = quotes[0::2], quotes[1::2]
    begins = np.ones(len(opening), bool)
    begins[1:] = opening[1:] != closing[: len(opening) - 1] + 1
    starts = opening[begins]
    # A field ends where the next one that begins does not continue it.
    ends = closing[np.append(begins[1:], True)[: len(closing)]]
    if len(ends) < len(starts):
        return QuotedFields(starts[:-1], ends, int(starts[-1]))
    return QuotedFields(starts, ends, None)


def _walked(data: bytes, quote: bytes, delimiter: bytes) -> QuotedFields:
    starts: list[int] = []
    ends: list[int] = []
    separators = delimiter + b"\r\n"
    position = data.find(quote)
    while position >= 0:
        if position and data[position - 1] not in separators:
            position = data.find(quote, position + 1)
            continue
        end = _closing_quote(data, quote, position + 1)
        if end < 0:
            return QuotedFields(np.array(starts, np.int64), np.array(ends, np.int64), position)
        starts.append(position)
        ends.append(end)
        position = data.find(quote, end + 1)
    return QuotedFields(np.array(starts, np.int64), np.array(ends, np.int64), None)


def _closing_quote(data: bytes, quote: bytes, position: int) -> int:
    while (position := data.find(quote, position)) >= 0:
        if data[position + 1 : position + 2] != quote:
            return position
        position += 2
    return -1
