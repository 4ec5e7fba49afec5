"""The flat vector and its named views."""

from __future__ import annotations

import numpy as np
import pytest

from workers.engine.tensors import Layout

LAYOUT = Layout({"W": (2, 3), "b": (3,), "s": ()})


def test_the_views_cover_the_vector_without_overlap() -> None:
    flat = np.zeros(LAYOUT.size)
    for number, view in enumerate(LAYOUT.views(flat).values(), start=1):
        view += number
    assert flat.tolist() == [1] * 6 + [2] * 3 + [3]


def test_a_vector_of_another_length_is_refused() -> None:
    for wrong in (np.zeros(9), np.zeros((10, 1)), np.zeros(20)[::2]):
        with pytest.raises(ValueError, match="contiguous vector of 10"):
            LAYOUT.views(wrong)


@pytest.mark.parametrize(("place", "name"), [(0, "W"), (5, "W"), (6, "b"), (9, "s")])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_tensor_that_is_not_finite_is_named(place: int, name: str, value: float) -> None:
    flat = np.ones(LAYOUT.size)
    flat[place] = value
    assert LAYOUT.first_non_finite(flat) == name


def test_large_finite_numbers_are_finite() -> None:
    """Their squares overflow, which must not be taken for a divergence."""
    assert LAYOUT.first_non_finite(np.full(LAYOUT.size, 1e300)) is None
