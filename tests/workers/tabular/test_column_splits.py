from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.tabular.column_splits import PARTS, part_named, split_by_parts


@pytest.mark.parametrize(
    ("cell", "part"),
    [
        ("train", "train"),
        ("Train", "train"),
        (" VALIDATION ", "validation"),
        ("val", "validation"),
        ("Valid", "validation"),
        ("TEST", "test"),
    ],
)
def test_parts_are_read_in_any_case(cell: str, part: str) -> None:
    assert part_named(cell) == part


@pytest.mark.parametrize("cell", ["", "training", "dev", "holdout", "0", "tr ain"])
def test_other_words_mean_nothing(cell: str) -> None:
    assert part_named(cell) is None


@given(st.lists(st.integers(0, 2), min_size=1, max_size=50).filter(lambda rows: 0 in rows))
def test_every_row_is_where_its_cell_says(places: list[int]) -> None:
    split = split_by_parts(PARTS, np.array(places))
    for number, part in enumerate(PARTS):
        expected = [row for row, place in enumerate(places) if place == number]
        assert getattr(split, part).tolist() == expected


def test_a_column_without_training_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="no row for training"):
        split_by_parts(("validation", "test"), np.array([0, 1, 1]))
