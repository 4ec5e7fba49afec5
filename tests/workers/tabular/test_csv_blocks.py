"""Cutting a file into blocks changes none of its records, wherever the cuts fall."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.tabular.csv_blocks import Block, Marks, read_blocks
from workers.tabular.csv_quotes import QuotedFields
from workers.tabular.errors import TableError
from workers.tabular.options import Limits

COMMAS = Marks(b",", b'"', b"\n")
CELLS = st.text(alphabet='ab",\n\r é', max_size=6)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=12)


def _written(rows: list[list[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return file.getvalue().encode()


def _read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def _blocks(data: bytes, size: int, limits: Limits | None = None) -> list[Block]:
    return list(read_blocks(io.BytesIO(data), COMMAS, limits or Limits(), size))


@given(rows=TABLES, size=st.integers(min_value=30, max_value=90))
def test_blocks_hold_all_records_whole_and_in_order(rows: list[list[str]], size: int) -> None:
    blocks = _blocks(_written(rows), size * 10)
    assert [row for block in blocks for row in _read(block.data)] == rows


@given(rows=TABLES)
def test_a_block_knows_the_line_it_starts_in(rows: list[list[str]]) -> None:
    data = _written(rows)
    start = 0
    for block in _blocks(data, 60):
        assert block.first_line == data.count(b"\n", 0, start) + 1
        start += len(block.data)
    assert start == len(data)


@given(st.text(alphabet='a",\n', max_size=30))
def test_quoted_fields_are_where_a_walk_over_the_characters_finds_them(text: str) -> None:
    found = QuotedFields.find(text.encode(), b'"', b",")
    assert (list(found.starts), list(found.ends), found.unclosed) == _walk(text)


def _walk(text: str) -> tuple[list[int], list[int], int | None]:
    """The quoted fields by the grammar of RFC 4180, one character after the other."""
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    while position < len(text):
        opens = text[position] == '"' and (position == 0 or text[position - 1] in ",\n")
        position += 1
        if not opens:
            continue
        start = position - 1
        while position < len(text) and (text[position] != '"' or text[position + 1 :][:1] == '"'):
            position += 2 if text[position] == '"' else 1
        if position >= len(text):
            return starts, ends, start
        starts.append(start)
        ends.append(position)
        position += 1
    return starts, ends, None


@pytest.mark.parametrize("n_bytes", [64, 65])
def test_a_line_may_be_as_long_as_the_limit_and_no_longer(n_bytes: int) -> None:
    data = b"a,b\n" + b"x" * 30 + b"," + b"y" * (n_bytes - 31) + b"\nc,d\n"
    limits = Limits(line_bytes=64)
    if n_bytes == 64:
        assert b"".join(block.data for block in _blocks(data, 128, limits)) == data
        return
    with pytest.raises(TableError) as caught:
        _blocks(data, 128, limits)
    assert (caught.value.code, caught.value.line, caught.value.limit) == (
        "csv_line_too_long",
        2,
        64,
    )


def test_a_record_of_many_long_quoted_lines_does_not_grow_without_end() -> None:
    record = b",".join([b'"' + b"x\n" * 20 + b'"'] * 50)
    with pytest.raises(TableError) as caught:
        _blocks(record + b"\n", 100, Limits(line_bytes=50))
    assert (caught.value.code, caught.value.line) == ("csv_line_too_long", 1)
