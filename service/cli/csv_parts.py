"""A CSV file in parts that fit into one request each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def csv_parts(lines: Iterable[bytes], rows_at_once: int) -> Iterator[bytes]:
    """Yield CSV texts of at most so many rows, each with the header of the whole.

    Bytes are passed on as they are. A line break inside quotes does not end a row (RFC 4180).
    """
    records = _records(lines)
    header = next(records, b"")
    part: list[bytes] = []
    for record in records:
        part.append(record)
        if len(part) == rows_at_once:
            yield header + b"".join(part)
            part = []
    if part:
        yield header + b"".join(part)


def _records(lines: Iterable[bytes]) -> Iterator[bytes]:
    record = b""
    for line in lines:
        record += line
        # A quote inside quotes is written twice, so that open quotes are an odd count.
        if record.count(b'"') % 2 == 0:
            yield record
            record = b""
    if record:
        yield record
