"""Whatever the bytes, they are either a table or refused with a reason."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.tabular.csv_rows import prediction_rows
from workers.tabular.errors import TableError
from workers.tabular.ingest import ingest
from workers.tabular.options import IngestOptions
from workers.tabular.parquet import preview
from workers.tabular.types import MISSING_TOKENS

if TYPE_CHECKING:
    from workers.tabular.profile import TableProfile

MARKS = [",", ";", "\t", "|", '"', '""', "'", "\n", "\r\n", "\r", " ", "\0", "\ufeff", "\u2028"]
CELLS = ["a", "1", "2.5", "-1e9", "1,5", "é", "NA", "true", "2024-02-30", "inf", "=1+1", "1e308"]
PIECES = st.sampled_from(MARKS + CELLS)
TEXTS = st.lists(PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode())
QUOTED = ['"x\ny"', '"1,5"', '"a;|b"', '"""q"""', '" NA "', '""']
CELL = st.sampled_from(["a", "1", "2.5", "é", "NA", "true", "inf", " 1 ", "", '6" x', *QUOTED])
ROWS = st.lists(st.tuples(CELL, CELL).map(",".join), min_size=1, max_size=12)
TABLES = ROWS.map(lambda rows: "\n".join(["a,b", *rows, ""]).encode())
FILES = st.one_of(st.binary(max_size=60), TEXTS, TABLES, TABLES)
COMMAS = IngestOptions.from_plain({"parse": {"delimiter": ",", "decimal": "."}})
PARSE = st.fixed_dictionaries(
    {},
    optional={
        "delimiter": st.sampled_from([",", "|"]),
        "quote": st.sampled_from(["", "'", '"']),
        "encoding": st.sampled_from(["utf-8", "utf-8", "latin-1", "utf-16"]),
        "header": st.booleans(),
        "decimal": st.just("."),
    },
)


@given(data=FILES, parse=PARSE, kind=st.sampled_from(["numeric", "datetime", "text", None, None]))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_table_or_refused(data: bytes, parse: dict[str, object], kind: str) -> None:
    schema = {"a": {"type": kind}} if kind else {}
    limits = {"block_bytes": 64, "line_bytes": 32, "field_bytes": 16}
    options = IngestOptions.from_plain({"parse": parse, "schema": schema, "limits": limits})
    with tempfile.TemporaryDirectory() as folder:
        upload, table = Path(folder, "upload"), Path(folder, "table")
        upload.write_bytes(data)
        profile = _profile_or_none(upload, options, table)
        if profile is None:
            assert not table.exists()
            return
        rows = preview(table.read_bytes(), 0, profile.rows + 1)
    assert len(rows) == profile.rows
    json.dumps([profile.to_json(), rows], allow_nan=False)
    columns = prediction_rows(data, options)
    if len(columns) == 1:
        # A blank line is no row of a table, but one to predict.
        assert all(len(cells) >= profile.rows for cells in columns.values())
        return
    assert {len(cells) for cells in columns.values()} == {profile.rows}
    assert [column.missing for column in profile.columns] == [
        sum(cell is None for cell in cells) for cells in columns.values()
    ]


@given(data=TABLES)
def test_the_cells_of_a_table_are_those_that_another_reader_finds(data: bytes) -> None:
    _, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
    cells = [[cell.strip(" \t") for cell in column] for column in zip(*rows, strict=True)]
    expected = [[None if cell in MISSING_TOKENS else cell for cell in column] for column in cells]
    assert list(prediction_rows(data, COMMAS).values()) == expected


def _profile_or_none(upload: Path, options: IngestOptions, table: Path) -> TableProfile | None:
    try:
        return ingest(upload, options, table)
    except TableError:
        return None
