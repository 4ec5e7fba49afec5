"""What a whole file says about its columns, however late it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from workers.tabular.errors import TableError
from workers.tabular.ingest import ingest
from workers.tabular.options import IngestOptions
from workers.tabular.parquet import read_table

if TYPE_CHECKING:
    from pathlib import Path

    from workers.tabular.profile import TableProfile

# Blocks of about 4 KiB, so that a short file has many.
SMALL_BLOCKS = {"block_bytes": 2048, "line_bytes": 512}


def _ingest(folder: Path, text: str, **options: Any) -> tuple[pa.Table, TableProfile]:
    (folder / "upload").write_text(text, encoding="utf-8")
    plain = {"limits": SMALL_BLOCKS, **options}
    profile = ingest(folder / "upload", IngestOptions.from_plain(plain), folder / "table")
    return read_table((folder / "table").read_bytes()), profile


def _column(name: str, cells: list[str]) -> str:
    return "\n".join([name, *(f'"{cell}"' for cell in cells)]) + "\n"


@pytest.mark.parametrize(
    ("early", "late", "stored", "kind"),
    [
        ("1", "2.5", pa.float64(), "numeric"),
        ("1", "9007199254740993", pa.float64(), "numeric"),
        ("NA", "3", pa.int64(), "numeric"),
        ("true", "yes", pa.dictionary(pa.int32(), pa.string()), "categorical"),
        ("2024-01-01", "soon", pa.dictionary(pa.int32(), pa.string()), "categorical"),
        ("NA", "b", pa.dictionary(pa.int32(), pa.string()), "categorical"),
        ("1", "NA", pa.int64(), "numeric"),
        ("1", " 2 ", pa.int64(), "numeric"),
        ("1", "inf", pa.dictionary(pa.int32(), pa.string()), "categorical"),
        ("1", "0x10", pa.dictionary(pa.int32(), pa.string()), "categorical"),
    ],
)
def test_the_last_row_counts_as_much_as_the_first(
    tmp_path: Path, early: str, late: str, stored: pa.DataType, kind: str
) -> None:
    table, profile = _ingest(tmp_path, _column("x", [early] * 3000 + [late]))
    assert table["x"].type == stored
    assert profile.columns[0].type == kind
    assert profile.rows == table.num_rows == 3001
    alone, _ = _ingest(tmp_path, _column("x", [late, early]))
    assert table["x"].to_pylist() == alone["x"].to_pylist()[1:] * 3000 + alone["x"].to_pylist()[:1]


def test_a_table_does_not_depend_on_the_size_of_its_blocks(tmp_path: Path) -> None:
    rows = [f'{i},{i / 4},level {i % 7},"a\n{i}",{"NA" if i % 5 else i}' for i in range(2000)]
    text = "\n".join(["id,ratio,level,note,gap", *rows])
    small, small_profile = _ingest(tmp_path, text)
    large, large_profile = _ingest(tmp_path, text, limits={})
    assert small.equals(large)
    assert small_profile == large_profile
    assert small["gap"].to_pylist()[:6] == [0, None, None, None, None, 5]


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    text = _column("x", [f"v{i % 900}" for i in range(3000)])
    _ingest(tmp_path, text)
    first = (tmp_path / "table").read_bytes()
    _ingest(tmp_path, text)
    assert (tmp_path / "table").read_bytes() == first


def test_one_bad_cell_in_a_hundred_leaves_text_and_names_its_row(tmp_path: Path) -> None:
    cells = [str(i % 10) for i in range(3000)]
    cells[2900] = "1_0"
    _, profile = _ingest(tmp_path, _column("x", cells))
    assert profile.columns[0].type == "categorical"
    assert [(w.code, w.column) for w in profile.warnings] == [("mixed_numbers", "x")]
    assert profile.warnings[0].detail.endswith("first in row 2901")


def test_a_wish_for_numbers_names_the_bad_row_and_column(tmp_path: Path) -> None:
    text = "a,x\n" + "1,2\n" * 3000 + "1,two\n"
    with pytest.raises(TableError) as caught:
        _ingest(tmp_path, text, schema={"x": {"type": "numeric"}})
    found = caught.value
    assert (found.code, found.row, found.line, found.column) == ("bad_number", 3001, 3002, "x")
    assert "two" not in found.detail


def test_a_wish_for_a_category_keeps_the_cells_as_they_are(tmp_path: Path) -> None:
    table, profile = _ingest(
        tmp_path, "zip,n\n01234,1\n00501,2\n", schema={"zip": {"type": "categorical"}}
    )
    assert table["zip"].to_pylist() == ["01234", "00501"]
    assert (profile.columns[0].type, profile.columns[0].reason) == (
        "categorical",
        "the schema says so",
    )


def test_missing_tokens_of_a_column_replace_the_usual_ones_there(tmp_path: Path) -> None:
    table, _ = _ingest(
        tmp_path,
        "a,b,c\n-9,None,None\n1,x,\n2,,y\n",
        schema={"a": {"missing": ["-9"]}, "b": {"missing": []}},
    )
    assert table["a"].to_pylist() == [None, 1, 2]
    assert table["b"].to_pylist() == ["None", "x", None]
    assert table["c"].to_pylist() == [None, None, "y"]


def test_a_decimal_comma_is_read_with_its_exponents_and_missing_cells(tmp_path: Path) -> None:
    table, profile = _ingest(tmp_path, "a;b\n1,5;3\nNA;4\n-,25e2;5\n")
    assert table["a"].to_pylist() == [1.5, None, -25.0]
    assert table["b"].to_pylist() == [3, 4, 5]
    assert [w.code for w in profile.warnings] == ["decimal_comma"]


def test_a_wish_for_the_decimal_mark_overrules_the_guess(tmp_path: Path) -> None:
    table, _ = _ingest(tmp_path, "a;b\n1,500;x\n2,250;y\n", parse={"decimal": ","})
    assert table["a"].to_pylist() == [1.5, 2.25]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_all_rows_agree_on(tmp_path: Path, delimiter: str) -> None:
    rows = [["name", "note", "n"], ["a", '"x, y; z|w"', "1"], ["b", '"p\tq"', "2"]]
    table, _ = _ingest(tmp_path, "\n".join(delimiter.join(row) for row in rows))
    assert table.column_names == ["name", "note", "n"]
    assert table["note"].to_pylist() == ["x, y; z|w", "p\tq"]


def test_moments_are_stored_in_utc(tmp_path: Path) -> None:
    table, profile = _ingest(tmp_path, "t\n2024-01-01\n2024-01-01T02:30:00+02:00\nNA\n")
    moments = [None if t is None else t.isoformat() for t in table["t"].to_pylist()]
    assert moments == ["2024-01-01T00:00:00", "2024-01-01T00:30:00", None]
    assert profile.columns[0].type == "datetime"


def test_an_ignored_column_is_kept_and_marked(tmp_path: Path) -> None:
    table, profile = _ingest(tmp_path, "a,b\n1,2\n3,4\n", schema={"a": {"type": "ignore"}})
    assert [column.type for column in profile.columns] == ["ignore", "numeric"]
    assert table["a"].to_pylist() == ["1", "3"]
