"""Statistics are those of the textbook, computed here from the cells in the plainest way."""

from __future__ import annotations

import csv
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.tabular.histograms import most_frequent
from workers.tabular.ingest import ingest
from workers.tabular.numbers import numeric_profile
from workers.tabular.options import IngestOptions
from workers.tabular.profile import ColumnProfile, TableProfile, TopValue

PENGUINS = Path("examples/penguins.csv")


def _profile(folder: Path, text: str, **options: Any) -> TableProfile:
    (folder / "upload").write_text(text, encoding="utf-8")
    return ingest(folder / "upload", IngestOptions.from_plain(options), folder / "table")


def _numeric(values: list[float | None]) -> ColumnProfile:
    return numeric_profile("x", pa.chunked_array([pa.array(values, pa.float64())]), None)[0]


def test_the_penguins_are_described_as_their_file_says(tmp_path: Path) -> None:
    profile = ingest(PENGUINS, IngestOptions(), tmp_path / "table")
    with PENGUINS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert profile.rows == len(rows) == 344
    assert profile.warnings == ()
    for column in profile.columns:
        cells = [row[column.name] for row in rows if row[column.name] != "NA"]
        assert column.missing == len(rows) - len(cells)
        assert column.distinct == len(set(cells))
        if column.name in ("species", "island", "sex"):
            assert column.type == "categorical"
            assert column.top == tuple(TopValue(*pair) for pair in Counter(cells).most_common())
            continue
        numbers = [float(cell) for cell in cells]
        assert column.type == "numeric"
        assert (column.min, column.max) == (min(numbers), max(numbers))
        assert column.mean == pytest.approx(statistics.fmean(numbers), rel=1e-12)
        assert column.std == pytest.approx(statistics.pstdev(numbers), rel=1e-9)
        assert column.integer == all(number.is_integer() for number in numbers)


@given(st.lists(st.one_of(st.none(), st.integers(-50, 50).map(lambda n: n / 4)), max_size=40))
def test_a_numeric_column_is_described_by_its_present_cells(values: list[float | None]) -> None:
    present = [value for value in values if value is not None]
    profile = _numeric(values)
    assert profile.missing == len(values) - len(present)
    assert profile.distinct == len(set(present))
    assert profile.min == min(present, default=None)
    assert profile.max == max(present, default=None)
    if present:
        assert profile.mean == pytest.approx(statistics.fmean(present), abs=1e-12)
        assert profile.std == pytest.approx(statistics.pstdev(present), abs=1e-12)
        assert profile.integer == all(value == round(value) for value in present)


@given(st.lists(st.integers(-60, 60).map(lambda n: n / 4), min_size=1, max_size=60))
def test_a_histogram_counts_every_cell_in_the_bin_that_holds_it(values: list[float]) -> None:
    spread = _numeric(list(values)).histogram
    assert spread is not None
    assert (spread.edges[0], spread.edges[-1]) == (min(values), max(values))
    assert list(spread.counts) == np.histogram(values, np.array(spread.edges))[0].tolist()


@given(st.lists(st.integers(-30, 30), min_size=1, max_size=60))
def test_few_whole_numbers_have_a_bin_for_each(values: list[int]) -> None:
    column = pa.chunked_array([pa.array(values, pa.int64())])
    spread = numeric_profile("n", column, None)[0].histogram
    assert spread is not None
    assert sum(spread.counts) == len(values)
    span = max(values) - min(values)
    if span < 20:
        found = [values.count(min(values) + k) for k in range(span + 1)]
        assert list(spread.counts) == found
    else:
        assert list(spread.counts) == np.histogram(values, np.array(spread.edges))[0].tolist()


@pytest.mark.parametrize("low", [-1e308, 0.0])
def test_a_histogram_of_extreme_numbers_is_finite(low: float) -> None:
    spread = _numeric([low, 1e308]).histogram
    assert spread is not None
    assert np.isfinite(spread.edges).all()
    assert (len(spread.counts), sum(spread.counts)) == (20, 2)


def test_numbers_without_another_between_them_share_a_bin() -> None:
    low = 1.0
    spread = _numeric([low, np.nextafter(low, 2.0), low]).histogram
    assert spread is not None
    assert (len(spread.edges), spread.counts) == (2, (3,))
    assert _numeric([None]).histogram is None


@given(st.lists(st.integers(0, 30), max_size=80), st.integers(1, 12))
def test_the_most_frequent_numbers_are_those_that_a_counter_finds(
    values: list[int], n: int
) -> None:
    found, counts = most_frequent(np.sort(np.array(values, np.int64)), n)
    most = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))[:n]
    assert list(zip(found.tolist(), counts.tolist(), strict=True)) == most


@pytest.mark.parametrize("scale", [1e308, 1e-308])
def test_figures_of_extreme_numbers_stay_finite(scale: float) -> None:
    profile = _numeric([-scale, scale, scale, -scale])
    assert (profile.mean, profile.std) == (0.0, scale)


def test_rows_that_repeat_are_counted(tmp_path: Path) -> None:
    profile = _profile(
        tmp_path, "a,b,c\n1,x,true\n2,x,true\n1,x,true\n1,NA,true\n1,NA,true\n1,x,false\n"
    )
    found = [w for w in profile.warnings if w.code == "duplicate_rows"]
    assert [w.detail for w in found] == ["2 of 6 rows repeat an earlier one"]


def test_cells_that_trade_places_make_a_different_row(tmp_path: Path) -> None:
    profile = _profile(tmp_path, "a,b\n1,2\n2,1\nx,y\ny,x\n")
    assert profile.warnings == ()


@pytest.mark.parametrize(
    ("cells", "kind", "warning"),
    [
        ([f"level {i % 100}" for i in range(1000)], "categorical", None),
        ([f"u{i:05}" for i in range(1000)], "text", "id_like"),
        ([f"it was {i} o'clock" for i in range(1000)], "text", "near_unique_text"),
        ([f"u{i}" for i in range(20)], "categorical", None),
        ([f"u{i % 10_500}" for i in range(31_500)], "text", None),
        ([f"{i % 25} " + "word " * 30 for i in range(1000)], "text", None),
        (["same"] * 30, "categorical", "constant_column"),
        ([""] * 30, "ignore", "missing_column"),
    ],
)
def test_categories_are_told_from_texts(
    tmp_path: Path, cells: list[str], kind: str, warning: str | None
) -> None:
    profile = _profile(tmp_path, "\n".join(["x,y", *(f"{cell},1.5" for cell in cells)]))
    assert profile.columns[0].type == kind
    assert [w.code for w in profile.warnings if w.column == "x"] == ([warning] if warning else [])


def _codes(cells: list[str], folder: Path) -> tuple[str, str, list[str]]:
    """The type of a column of these cells, the reason, and the warnings of it."""
    profile = _profile(
        folder, "\n".join(["x;y", *(f"{c};{i / 7:.3f}" for i, c in enumerate(cells))])
    )
    found = [w.code for w in profile.warnings if w.column == "x"]
    return profile.columns[0].type, profile.columns[0].reason, found


def test_whole_numbers_with_zeros_in_front_are_codes(tmp_path: Path) -> None:
    kind, reason, found = _codes([f"{i % 30:05}" for i in range(300)], tmp_path)
    assert (kind, found) == ("categorical", [])
    assert reason == "30 different values in 300 cells, numbers with zeros in front, as in codes"
    assert _codes([str(i % 30) for i in range(300)], tmp_path)[0] == "numeric"
    assert _codes([f"0{i % 30}.5" for i in range(300)], tmp_path)[0] == "numeric"
    assert _codes([f"{i:05}" for i in range(300)], tmp_path)[::2] == ("text", ["id_like"])


@pytest.mark.parametrize(
    ("written", "warning"),
    [
        ("{}%", "unread_numbers"),
        ("{}.5 %", "unread_numbers"),
        ("${}", "unread_numbers"),
        ("-€ 1,2{:02}.50", "unread_numbers"),
        ("1.2{:02},50 EUR", "unread_numbers"),
        ("1'0{:02}", "unread_numbers"),
        ("05/{:02}/24", "unread_dates"),
        ("{:02}-05-99 10:30", "unread_dates"),
        ("192.168.0.{}", None),
        ("level {}", None),
    ],
)
def test_numbers_and_dates_that_are_not_read_are_pointed_out(
    tmp_path: Path, written: str, warning: str | None
) -> None:
    cells = [written.format(i % 25 + 1) for i in range(300)]
    expected = ("categorical", [warning] if warning else [])
    assert _codes([*cells, "N/A"], tmp_path)[::2] == expected
    assert _codes([*cells, "other"], tmp_path)[::2] == ("categorical", [])


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["1", "2", ""], "each of 2 cells is a whole number, and 1 are missing"),
        (["1", "2.5", "3"], "each of 3 cells is a number"),
        (["true", "false"], "each of 2 cells is true or false"),
        (["2024-05-31", "2024-06-01"], "each of 2 cells is a date, as 2024-05-31 or 31.05.2024"),
        (["a", "b", "a"], "2 different values in 3 cells"),
    ],
)
def test_a_type_is_explained_with_its_numbers(
    tmp_path: Path, cells: list[str], reason: str
) -> None:
    assert _codes(cells, tmp_path)[1] == reason


def test_numbers_that_count_the_rows_are_pointed_out_and_stay_numbers(tmp_path: Path) -> None:
    profile = _profile(tmp_path, "\n".join(["n,m", *(f"{i},{i % 7}" for i in range(5, 40))]))
    assert [(w.code, w.column) for w in profile.warnings] == [("id_like", "n")]
    assert profile.columns[0].type == "numeric"


def test_top_values_are_twenty_at_most_and_the_most_frequent_first(tmp_path: Path) -> None:
    cells = [f"v{i:02}" for i in range(25) for _ in range(i + 1)]
    column = _profile(tmp_path, "\n".join(["x", *cells])).columns[0]
    assert [(top.value, top.count) for top in column.top] == [
        (f"v{i:02}", i + 1) for i in range(24, 4, -1)
    ]


def test_a_few_numbers_have_top_values_as_classes_would(tmp_path: Path) -> None:
    text = "\n".join(
        ["code,many,part", *(f"{(7, 2, 7)[i % 3]}.0,{i},{i % 3 / 2}" for i in range(30))]
    )
    code, many, part = _profile(tmp_path, text).columns
    assert code.top == (TopValue("7", 20), TopValue("2", 10))
    assert many.top == ()
    assert part.top == (TopValue("0", 10), TopValue("0.5", 10), TopValue("1", 10))
    assert _numeric([1e20, 2e20]).top == (TopValue("1e+20", 1), TopValue("2e+20", 1))


def test_distinct_values_are_exact_where_they_are_too_many_to_keep(tmp_path: Path) -> None:
    cells = [f"u{i % 120_000}" for i in range(150_000)]
    column = _profile(tmp_path, "\n".join(["x", *cells])).columns[0]
    assert (column.distinct, column.top, column.type) == (120_000, (), "text")


def test_moments_are_described_in_seconds_and_by_name(tmp_path: Path) -> None:
    column = _profile(tmp_path, "t\n1970-01-02\n1970-01-01T00:00:10Z\n1970-01-02\n").columns[0]
    assert (column.type, column.min, column.max, column.distinct) == ("datetime", 10.0, 86400.0, 2)
    assert column.top[0] == TopValue("1970-01-02T00:00:00.000Z", 2)
    assert column.histogram is not None
    assert (column.histogram.edges[0], column.histogram.edges[-1]) == (10.0, 86400.0)
    assert (column.histogram.counts[0], column.histogram.counts[-1]) == (1, 2)


def test_a_profile_survives_json(tmp_path: Path) -> None:
    profile = _profile(tmp_path, "a,b,c\n1,x,\n2,y,\n2,y,\n")
    assert TableProfile.from_json(profile.to_json()) == profile
    assert profile.column("b") == profile.columns[1]
    assert profile.column("z") is None
    plain = profile.to_json()
    del plain["columns"][0]["histogram"]
    assert TableProfile.from_json(plain).columns[0].histogram is None
