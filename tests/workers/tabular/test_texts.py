"""A column of text is described alike, however its cells are kept and cut into pieces."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from workers.tabular.duplicates import RowDigests, hashes_of
from workers.tabular.texts import TextSummary, text_profile

CELL = st.one_of(st.none(), st.sampled_from(["a b", "1", "007", "3%", "1/2/2024", "é", "12", "x"]))
COLUMNS = st.lists(CELL, min_size=1, max_size=60)


def _cell_by_cell(cells: list[str | None], cuts: list[int]) -> Any:
    pieces = np.split(np.array(cells, object), sorted({cut % len(cells) for cut in cuts}))
    return pa.chunked_array([pa.array(piece.tolist(), pa.string()) for piece in pieces])


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
    cells = ["word"] * 200 + [str(number) for number in range(1800)]
    summary = TextSummary.of(_cell_by_cell([*cells], [100, 200, 300]), ".")
    assert summary.first_other_row == 1
    assert not summary.are_mostly_numbers
