"""Batches: every row once in an epoch, in the order given, from any place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.engine import batches
from workers.engine.batches import Batches
from workers.engine.rng import Purpose, generator


def table(n_rows: int, n_columns: int = 3) -> tuple[np.ndarray, np.ndarray]:
    X = np.arange(n_rows * n_columns, dtype=np.float64).reshape(n_rows, n_columns)
    return X, np.arange(n_rows)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    n_rows=st.integers(1, 200),
    batch_size=st.integers(1, 250),
    shuffled=st.booleans(),
    stretch=st.integers(1, 5000),
)
def test_an_epoch_is_a_permutation_of_the_rows(
    n_rows: int, batch_size: int, shuffled: bool, stretch: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "STRETCH_BYTES", stretch)
        X, y = table(n_rows)
        cut = Batches(X, y, batch_size)
    order = generator(1, Purpose.SHUFFLE).permutation(n_rows) if shuffled else None
    cut.enter(order)
    found = [(a.copy(), b.copy()) for a, b in map(cut.batch, range(cut.count))]
    expected = np.arange(n_rows) if order is None else order
    np.testing.assert_array_equal(np.concatenate([b for _, b in found]), expected)
    np.testing.assert_array_equal(np.concatenate([a for a, _ in found]), X[expected])
    sizes = [len(b) for _, b in found]
    assert sizes[:-1] == [cut.batch_size] * (cut.count - 1)
    assert sizes[-1] == n_rows - sum(sizes[:-1]) > 0


def test_any_batch_can_be_entered_directly() -> None:
    X, y = table(1000, 100)
    cut = Batches(X, y, 64)
    order = generator(1, Purpose.SHUFFLE).permutation(1000)
    cut.enter(order)
    in_turn = [cut.batch(i)[1].tolist() for i in range(cut.count)]
    for index in (7, 15, 0, 15, 3):
        cut.enter(order)
        assert cut.batch(index)[1].tolist() == in_turn[index]


def test_a_table_in_order_is_not_copied_whole() -> None:
    X, y = table(100_000, 10)
    cut = Batches(X, y, 32)
    cut.enter(None)
    a, _ = cut.batch(0)
    assert a.base is not None
    assert a.base.nbytes <= batches.STRETCH_BYTES
