"""Rows to predict are read by the rules that read the rows to train on."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.tabular.csv_rows import prediction_rows
from workers.tabular.errors import TableError
from workers.tabular.ingest import ingest
from workers.tabular.options import ColumnWish, IngestOptions, Limits, ParseWish
from workers.tabular.parquet import read_table
from workers.tabular.types import parse_number

PENGUINS = Path("examples/penguins.csv")


def test_every_cell_of_the_training_file_is_the_same_value_when_it_is_predicted(
    tmp_path: Path,
) -> None:
    ingest(PENGUINS, IngestOptions(), tmp_path / "table")
    table = read_table((tmp_path / "table").read_bytes())
    rows = prediction_rows(PENGUINS.read_bytes())
    assert list(rows) == table.column_names
    for name, cells in rows.items():
        stored = table[name].to_pylist()
        if name in ("species", "island", "sex"):
            assert cells == stored
        else:
            assert [cell if cell is None else parse_number(cell) for cell in cells] == stored


def test_cells_are_trimmed_and_missing_ones_are_none() -> None:
    assert prediction_rows(b'a, b\n 1 ,"x, y"\nNA,\n') == {"a": ["1", None], "b": ["x, y", None]}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_of_one_column_an_empty_line_is_a_row_with_its_cell_missing(newline: str) -> None:
    lines = ["x", "1", "", "2", '""', "", ""]
    data = newline.join(lines).encode()
    assert prediction_rows(data) == {"x": ["1", None, "2", None, None]}
    assert prediction_rows(newline.join(["x", "", "", ""]).encode()) == {"x": [None, None]}
    ragged = newline.join(["x", "", "1,2", ""]).encode()
    with pytest.raises(TableError, match=r"row 2 \(line 3\)"):
        prediction_rows(ragged, IngestOptions(parse=ParseWish(delimiter=",")))


def test_of_several_columns_an_empty_line_is_no_row() -> None:
    assert prediction_rows(b"a,b\n1,2\n\n3,4\n\n") == {"a": ["1", "3"], "b": ["2", "4"]}


def test_missing_tokens_of_the_training_data_count() -> None:
    options = IngestOptions(schema={"a": ColumnWish(missing=("-9",)), "z": ColumnWish(missing=())})
    assert prediction_rows(b"a,b\n-9,-9\nNA,NA\n", options) == {
        "a": [None, "NA"],
        "b": ["-9", None],
    }


def test_a_decimal_comma_is_rewritten_with_a_point() -> None:
    assert prediction_rows(b"a;b\n1,5;u,v\n2;w\n") == {"a": ["1.5", "2"], "b": ["u,v", "w"]}


def test_rows_in_many_blocks_stay_in_order() -> None:
    data = b"n\n" + b"".join(b"%d\n" % n for n in range(5000))
    options = IngestOptions(limits=Limits(block_bytes=2048, line_bytes=512))
    assert prediction_rows(data, options) == {"n": [str(n) for n in range(5000)]}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "dataset_empty"),
        (b"a,b\n", "dataset_empty"),
        (b"a,b\n1\n", "ragged_row"),
        (b"a\n1\n2\n3\n", "too_many_rows"),
        (b"a\n\xff\n", "encoding"),
        (b"\x1f\x8b\x08\x00", "content_sniff"),
    ],
)
def test_bad_rows_are_refused_as_bad_uploads_are(data: bytes, code: str) -> None:
    with pytest.raises(TableError) as caught:
        prediction_rows(data, IngestOptions(limits=Limits(rows=2)))
    assert caught.value.code == code
