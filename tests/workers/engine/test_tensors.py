"""The flat vector and its named views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from workers.engine.tensors import Layout, Memory

if TYPE_CHECKING:
    from workers.engine.backend import DType

LAYOUT = Layout({"W": (2, 3), "b": (3,), "s": ()})


def test_the_views_cover_the_vector_without_overlap() -> None:
    flat = np.zeros(LAYOUT.size)
    for number, view in enumerate(LAYOUT.views(flat).values(), start=1):
        view += number
    assert flat.tolist() == [1] * 6 + [2] * 3 + [3]


def test_views_of_stacked_members_are_views_of_each_of_them() -> None:
    flat = np.arange(2.0 * LAYOUT.size).reshape(2, LAYOUT.size)
    views = LAYOUT.views(flat)
    assert {name: view.shape for name, view in views.items()} == {
        "W": (2, 2, 3),
        "b": (2, 3),
        "s": (2,),
    }
    for name, view in views.items():
        for member in range(2):
            np.testing.assert_array_equal(view[member], LAYOUT.views(flat[member])[name])
    views["b"][1] = -1.0
    assert flat[1, 6:9].tolist() == [-1.0, -1.0, -1.0]


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
def test_memory_is_of_its_dtype(dtype: DType) -> None:
    memory = Memory(np, dtype)
    arrays = (memory.empty((2,)), memory.zeros((2,)), memory.ones((2,)), memory.constant(1.5))
    assert {array.dtype for array in arrays} == {dtype}
    assert [array.tolist() for array in arrays[1:]] == [[0.0, 0.0], [1.0, 1.0], 1.5]


def test_rows_are_taken_the_same_on_any_array_module() -> None:
    """NumPy is told to clip indices, for the speed alone; no other module knows the word."""

    class Other:
        def take(self, source: Any, rows: Any, axis: int, out: Any) -> None:
            out[...] = source[rows]
            assert axis == 0

    source = np.arange(12.0).reshape(4, 3)
    for rows in (np.array([3, 0, 3]), np.array([[3, 0, 3], [1, 1, 2]])):
        for module in (np, Other()):
            out = np.empty((*rows.shape, 3))
            Memory(module, out.dtype).take_rows(source, rows, out)
            np.testing.assert_array_equal(out, source[rows])


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
