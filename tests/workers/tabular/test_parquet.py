"""What was stored is read back, in whole and in part."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workers.tabular.parquet import (
    TableWriter,
    bytes_in_memory,
    map_table,
    preview,
    read_table,
)

if TYPE_CHECKING:
    from pathlib import Path

TEXT = pa.dictionary(pa.int32(), pa.string())
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
FIELDS: list[tuple[str, pa.DataType]] = [
    ("n", pa.int64()),
    ("x", pa.float64()),
    ("s", TEXT),
    ("b", pa.bool_()),
    ("t", pa.timestamp("us")),
]
SCHEMA = pa.schema(FIELDS)


def _columns(start: int, n_rows: int) -> dict[str, Any]:
    numbers = range(start, start + n_rows)
    return {
        "n": pa.array(numbers, pa.int64()),
        "x": pa.array([None if n % 3 else n / 4 for n in numbers], pa.float64()),
        "s": pa.array([f"s{n % 5 + start}" for n in numbers]).dictionary_encode(),
        "b": pa.array([n % 2 == 0 for n in numbers]),
        "t": pa.array([NOON + timedelta(microseconds=n % 2) for n in numbers], pa.timestamp("us")),
    }


def _piece(start: int, n_rows: int) -> pa.Table:
    return pa.table(_columns(start, n_rows), schema=SCHEMA)


@pytest.fixture
def stored(tmp_path: Path) -> bytes:
    """150,000 rows in pieces with dictionaries of their own, in more than one row group."""
    with TableWriter(tmp_path / "table", SCHEMA) as writer:
        for start in range(0, 150_000, 10_000):
            writer.write(_columns(start, 10_000))
    return (tmp_path / "table").read_bytes()


def test_the_whole_table_comes_back_with_its_types(stored: bytes) -> None:
    table = read_table(stored)
    assert table.schema.equals(SCHEMA)
    assert all(column.num_chunks == 1 for column in table.columns)
    pieces = pa.concat_tables([_piece(start, 10_000) for start in range(0, 150_000, 10_000)])
    assert table.to_pylist() == pieces.to_pylist()


@pytest.mark.parametrize("offset", [0, 1, 131_060, 131_071, 131_072, 149_995])
def test_a_preview_is_a_slice_of_the_rows(stored: bytes, offset: int) -> None:
    rows = preview(stored, offset, 20)
    assert [row["n"] for row in rows] == list(range(offset, min(offset + 20, 150_000)))


def test_a_preview_beyond_the_end_is_empty(stored: bytes) -> None:
    assert preview(stored, 150_000, 5) == []
    assert preview(stored, 0, 0) == []


def test_a_preview_is_json(stored: bytes) -> None:
    rows = preview(stored, 3, 2)
    assert json.loads(json.dumps(rows, allow_nan=False)) == [
        {"n": 3, "x": 0.75, "s": "s3", "b": False, "t": "2024-01-01T12:00:00.000001Z"},
        {"n": 4, "x": None, "s": "s4", "b": True, "t": "2024-01-01T12:00:00.000Z"},
    ]


def test_a_table_in_a_file_is_the_one_in_memory_also_when_the_file_is_closed(
    tmp_path: Path,
) -> None:
    table = pa.concat_tables([_piece(0, 700), _piece(700, 300)]).unify_dictionaries()
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=128)
    data = bytes(sink.getvalue())
    with TemporaryFile(dir=tmp_path) as file:
        mapped = map_table(data, file)
    whole = read_table(data)
    assert mapped.to_pylist() == whole.to_pylist()
    assert mapped.schema == whole.schema
    assert bytes_in_memory(data) == 1000 * 5 * 8


@pytest.mark.parametrize("n_levels", [3, 300], ids=["few", "all different"])
def test_text_comes_back_as_one_dictionary_however_it_was_handed_over(
    n_levels: int, tmp_path: Path
) -> None:
    cells = [None if n % 7 == 0 else f"level {n % n_levels}" for n in range(300)]
    text: Any = pa.array(cells, pa.string())
    with TableWriter(tmp_path / "table", pa.schema([("s", TEXT)])) as writer:
        writer.write({"s": text.slice(0, 100).dictionary_encode()})
        writer.write({"s": text.slice(100)})
    with pq.ParquetFile(tmp_path / "table") as file:
        is_dictionary = pa.types.is_dictionary(file.schema_arrow.field("s").type)
    assert is_dictionary == (n_levels == 3)
    column = read_table((tmp_path / "table").read_bytes())["s"]
    assert column.type.equals(TEXT)
    assert column.to_pylist() == cells


def test_a_table_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    with TableWriter(tmp_path / "table", SCHEMA):
        pass
    assert read_table((tmp_path / "table").read_bytes()).schema.equals(SCHEMA)
