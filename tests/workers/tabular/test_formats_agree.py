"""Any table is stored alike, in whichever format it comes."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.tabular.ingest import ingest
from workers.tabular.options import IngestOptions
from workers.tabular.parquet import read_table

WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
# From -0.0 JSON makes 0 where all of a column is whole; CSV of it is a fraction.
FRACTION = st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)
DAY = st.integers(0, 40_000).map(lambda n: (date(1970, 1, 1) + timedelta(n)).isoformat())
# Text is none of the missing tokens, has no blanks around it, and looks like nothing else.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8).map(
    lambda text: f"t{text}."
)
CELLS = st.sampled_from([WHOLE, FRACTION, DAY, TEXT, st.booleans()])
NAMES = st.lists(
    st.text(
        st.characters(codec="ascii", categories=["L", "P", "S", "Zs"]), min_size=1, max_size=5
    ).map(lambda name: f"c{name}d"),
    min_size=2,
    max_size=4,
    unique=True,
)
BLOCKS = {"limits": {"block_bytes": 300, "line_bytes": 150}}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Any]]:
    n_rows = draw(st.integers(1, 15))
    columns = {}
    for name in draw(NAMES):
        cell = st.one_of(st.none(), *[draw(CELLS)] * 3)
        columns[name] = draw(st.lists(cell, min_size=n_rows, max_size=n_rows))
    return columns


def _rows(table: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def _delimited(table: dict[str, list[Any]], delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow("" if cell is None else _cell(cell) for cell in row)
    return text.getvalue().encode()


def _cell(cell: Any) -> str:
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _parquet(table: dict[str, list[Any]], text: pa.DataType) -> bytes:
    columns: dict[str, Any] = {name: pa.array(cells) for name, cells in table.items()}
    for name, column in columns.items():
        if pa.types.is_string(column.type):
            columns[name] = column.cast(text)
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, row_group_size=4)
    return file.getvalue()


def _stored(data: bytes, options: dict[str, Any]) -> tuple[list[Any], list[str], list[Any]]:
    with tempfile.TemporaryDirectory() as folder:
        upload, out = Path(folder, "upload"), Path(folder, "table")
        upload.write_bytes(data)
        profile = ingest(upload, IngestOptions.from_plain(options), out)
        table = read_table(out.read_bytes())
    types = [str(field.type) for field in table.schema]
    return table.to_pylist(), types, profile.to_json()["columns"]


@given(table=tables())
@settings(max_examples=60, deadline=None)
def test_every_format_gives_the_same_stored_table(table: dict[str, list[Any]]) -> None:
    rows = _rows(table)
    commas = {"parse": {"delimiter": ",", "decimal": "."}}
    files: dict[str, tuple[bytes, dict[str, Any]]] = {
        "csv": (_delimited(table, ","), commas),
        "tsv": (_delimited(table, "\t"), {"parse": {"format": "tsv", "decimal": "."}}),
        "json": (json.dumps(rows).encode(), {}),
        "json in blocks": (json.dumps(rows, indent=1).encode(), BLOCKS),
        "ndjson": ("\n".join(map(json.dumps, rows)).encode(), {}),
        "ndjson in blocks": ("\n".join(map(json.dumps, rows)).encode(), BLOCKS),
        "parquet": (_parquet(table, pa.string()), {}),
        "parquet of Polars": (_parquet(table, pa.large_string()), {}),
        "parquet of views": (_parquet(table, pa.string_view()), {}),
    }
    stored = {name: _stored(data, options) for name, (data, options) in files.items()}
    assert stored == dict.fromkeys(files, stored["csv"])
    assert [list(row) for row in stored["csv"][0]] == [list(table)] * len(rows)


@given(
    rows=st.lists(st.tuples(FRACTION, FRACTION), min_size=1, max_size=9),
    kind=st.sampled_from(["<f8", ">f8"]),
    order=st.sampled_from(["C", "F"]),
)
@settings(deadline=None)
def test_an_array_is_stored_as_its_numbers_in_csv(
    rows: list[tuple[float, float]], kind: str, order: Any
) -> None:
    file = io.BytesIO()
    np.save(file, np.array(rows, kind, order=order))
    columns = dict(zip(("x0", "x1"), map(list, zip(*rows, strict=True)), strict=True))
    from_csv = _stored(_delimited(columns, ","), {"parse": {"delimiter": ",", "decimal": "."}})
    assert _stored(file.getvalue(), {}) == from_csv
