"""What a whole file says about its columns, however late it says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from workers.tabular.errors import TableError
from workers.tabular.ingest import ingest
from workers.tabular.options import IngestOptions, orders_in
from workers.tabular.parquet import read_table, reading_of

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


AMBIGUOUS = "05/01/2024"


def _day(table: pa.Table) -> str:
    """The first cell, which is a date or the text of one."""
    return str(table["x"][0].as_py()).removesuffix(" 00:00:00")


@pytest.mark.parametrize(
    ("early", "late", "kind", "first"),
    [
        (AMBIGUOUS, "31/05/2024", "datetime", "2024-01-05"),
        (AMBIGUOUS, "05/31/2024", "datetime", "2024-05-01"),
        ("31/05/2024", AMBIGUOUS, "datetime", "2024-05-31"),
        ("2024-05-31", "31/05/2024", "datetime", "2024-05-31"),
        ("31/05/2024", "2024-05-31", "datetime", "2024-05-31"),
        ("2024-05-31", AMBIGUOUS, "categorical", "2024-05-31"),
        (AMBIGUOUS, "2024-05-31", "categorical", AMBIGUOUS),
        (AMBIGUOUS, AMBIGUOUS, "categorical", AMBIGUOUS),
        ("31/05/2024", "05/31/2024", "categorical", "31/05/2024"),
        (AMBIGUOUS, "soon", "categorical", AMBIGUOUS),
    ],
)
@pytest.mark.parametrize("format_", ["csv", "ndjson"])
def test_one_cell_of_a_column_tells_the_day_from_the_month(
    tmp_path: Path, early: str, late: str, kind: str, first: Any, format_: str
) -> None:
    cells = [*[early] * 3000, late, "NA"]
    text = _column("x", cells)
    if format_ == "ndjson":
        text = "".join(json.dumps({"x": None if x == "NA" else x}) + "\n" for x in cells)
    table, profile = _ingest(tmp_path, text)
    assert profile.columns[0].type == kind
    assert _day(table) == first
    assert (table["x"].null_count, profile.columns[0].missing) == (1, 1)


def test_the_order_of_dates_can_be_wished(tmp_path: Path) -> None:
    text = _column("x", [AMBIGUOUS] * 3000 + ["1/2/2024"])
    for order, expected in (("day_first", "2024-01-05"), ("month_first", "2024-05-01")):
        table, profile = _ingest(tmp_path, text, schema={"x": {"dates": order}})
        assert _day(table) == expected
        assert orders_in(reading_of(table.schema)) == {"x": order}
        assert (profile.columns[0].type, profile.warnings) == ("datetime", ())


def test_the_order_that_was_found_is_known_and_said(tmp_path: Path) -> None:
    table, profile = _ingest(tmp_path, _column("x", [AMBIGUOUS, "31/05/2024", "NA"]))
    assert orders_in(reading_of(table.schema)) == {"x": "day_first"}
    reason = "each of 2 cells is a date, as 31/05/2024, the day first, and 1 are missing"
    assert profile.columns[0].reason == reason
    table, _ = _ingest(tmp_path, _column("x", ["2024-05-31", "31.05.2024"]))
    assert orders_in(reading_of(table.schema)) == {}


@pytest.mark.parametrize(
    ("wish", "late", "row"),
    [
        ({"type": "datetime"}, "soon", 3001),
        ({"type": "datetime"}, "13/13/2024", 3001),
        ({"dates": "day_first"}, "05/31/2024", 3001),
        ({"type": "datetime", "dates": "month_first"}, "31/05/2024", 3001),
        ({"type": "datetime"}, AMBIGUOUS, None),
    ],
)
def test_a_wish_for_dates_names_the_bad_row(
    tmp_path: Path, wish: dict[str, str], late: str, row: int | None
) -> None:
    with pytest.raises(TableError) as caught:
        _ingest(tmp_path, _column("x", [AMBIGUOUS] * 3000 + [late]), schema={"x": wish})
    error = caught.value
    assert (error.code, error.column, error.row) == ("bad_datetime", "x", row)
    assert "`dates`" in error.detail


def test_dates_of_two_orders_are_no_dates(tmp_path: Path) -> None:
    cells = [AMBIGUOUS] * 2000 + ["31/05/2024"] * 2000 + ["05/31/2024"]
    for wish in ({"type": "datetime"}, {"dates": "day_first"}):
        with pytest.raises(TableError) as caught:
            _ingest(tmp_path, _column("x", cells), schema={"x": wish})
        assert (caught.value.code, caught.value.row) == ("bad_datetime", 4001)


def test_a_wish_for_dates_takes_what_a_later_cell_tells(tmp_path: Path) -> None:
    text = _column("x", [AMBIGUOUS] * 3000 + ["31/05/2024"])
    table, profile = _ingest(tmp_path, text, schema={"x": {"type": "datetime"}})
    assert _day(table) == "2024-01-05"
    assert profile.columns[0].reason == "the schema says so"


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
