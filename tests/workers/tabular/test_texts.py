"""A column of text is described alike, however its cells are kept and cut into pieces."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from workers.tabular.calendar_days import are_days
from workers.tabular.duplicates import RowDigests, hashes_of
from workers.tabular.texts import TextSummary, text_profile

CELL = st.one_of(st.none(), st.sampled_from(["a b", "1", "007", "3%", "1/2/2024", "é", "12", "x"]))
COLUMNS = st.lists(CELL, min_size=1, max_size=60)


def _cell_by_cell(cells: list[str | None], cuts: list[int]) -> Any:
    pieces = np.split(np.array(cells, object), sorted({cut % len(cells) for cut in cuts}))
    return pa.chunked_array([pa.array(piece.tolist(), pa.string()) for piece in pieces])


@example(cells=["a b"] * 5, cuts=[1])
@given(cells=COLUMNS, cuts=st.lists(st.integers(0, 60), max_size=4))
def test_a_column_cell_by_cell_is_described_as_its_dictionary(
    cells: list[str | None], cuts: list[int]
) -> None:
    plain = _cell_by_cell(cells, cuts)
    encoded: Any = pa.chunked_array([pa.array(cells, pa.string()).dictionary_encode()])
    profiles = [text_profile("x", TextSummary.of(form, "."), None) for form in (plain, encoded)]
    assert profiles[0] == profiles[1]
    counts = Counter(cell for cell in cells if cell is not None)
    (profile, _) = profiles[0]
    assert {top.value: top.count for top in profile.top} == counts
    assert profile.distinct == len(counts)
    assert profile.missing == cells.count(None)


@given(cells=COLUMNS, cuts=st.lists(st.integers(0, 60), max_size=4))
def test_rows_of_one_text_repeat_as_often_as_it_does(
    cells: list[str | None], cuts: list[int]
) -> None:
    column = _cell_by_cell(cells, cuts)
    digests = RowDigests(len(cells))
    start = 0
    for piece in column.chunks:
        digests.add_piece(piece, start, hashes_of(piece))
        start += len(piece)
    assert digests.n_duplicates() == len(cells) - len(set(cells))


def test_others_among_numbers_are_counted_and_found_where_they_are_few() -> None:
    cells = [str(number) for number in range(2000)]
    cells[1234] = cells[1999] = "?!"
    summary = TextSummary.of(_cell_by_cell([*cells, None], [500, 1000]), ".")
    assert (summary.n_others, summary.first_other_row) == (2, 1235)
    assert summary.are_mostly_numbers


def test_a_text_that_many_numbers_follow_is_no_column_of_numbers() -> None:
    cells = ["word"] * 500 + [str(number) for number in range(1500)]
    summary = TextSummary.of(_cell_by_cell([*cells], [100, 450, 600]), ".")
    assert summary.first_other_row == 1
    assert not summary.are_mostly_numbers


def test_cells_that_are_no_days_are_counted_and_found_where_they_are_few() -> None:
    cells = [f"20{n // 28 % 100:02}-01-{n % 28 + 1:02}" for n in range(2000)]
    cells[1234] = cells[1999] = "0000-00-00"
    summary = TextSummary.of(_cell_by_cell([*cells, None], [500, 1000]), ".")
    assert (summary.n_undated, summary.first_undated_row) == (2, 1235)
    assert summary.are_mostly_dates


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.text(max_size=12),
            st.from_regex(r"(0000|19|20|21|99)[0-9]{0,2}-[0-3][0-9]-[0-4][0-9]", fullmatch=True),
            st.sampled_from(["2024-02-29", "1900-02-29", "2000-02-29", "2023-02-29"]),
        )
    )
)
def test_a_day_of_the_calendar_is_told_from_what_looks_like_one(cells: list[str | None]) -> None:
    assert are_days(pa.array(cells, pa.string())).tolist() == [_is_day(cell) for cell in cells]


def _is_day(cell: str | None) -> bool:
    if cell is None or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", cell):
        return False
    try:
        date.fromisoformat(cell)
    except ValueError:
        return False
    return True
