"""Batches: every row once in an epoch, in the order given, from any place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.engine.rng import Purpose, generator
from workers.engine.steps import batches
from workers.engine.steps.batches import Batch, Batches
from workers.engine.tensors import Memory

if TYPE_CHECKING:
    from pathlib import Path

MEMORY = Memory(np, np.dtype(np.float64))


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
        cut = Batches(Batch(X, y, None), batch_size, MEMORY)
    order = generator(1, Purpose.SHUFFLE).permutation(n_rows) if shuffled else None
    cut.enter(order)
    found = [(b.X.copy(), b.y.copy()) for b in map(cut.batch, range(cut.count))]
    expected = np.arange(n_rows) if order is None else order
    np.testing.assert_array_equal(np.concatenate([b for _, b in found]), expected)
    np.testing.assert_array_equal(np.concatenate([a for a, _ in found]), X[expected])
    sizes = [len(b) for _, b in found]
    assert sizes[:-1] == [cut.batch_size] * (cut.count - 1)
    assert sizes[-1] == n_rows - sum(sizes[:-1]) > 0


def test_any_batch_can_be_entered_directly() -> None:
    X, y = table(1000, 100)
    cut = Batches(Batch(X, y, None), 64, MEMORY)
    order = generator(1, Purpose.SHUFFLE).permutation(1000)
    cut.enter(order)
    in_turn = [cut.batch(i)[1].tolist() for i in range(cut.count)]
    for index in (7, 15, 0, 15, 3):
        cut.enter(order)
        assert cut.batch(index)[1].tolist() == in_turn[index]


def test_a_table_in_order_is_not_copied_whole() -> None:
    X, y = table(100_000, 10)
    cut = Batches(Batch(X, y, None), 32, MEMORY)
    cut.enter(None)
    a = cut.batch(0).X
    assert a.base is not None
    assert a.base.nbytes <= batches.STRETCH_BYTES


def test_the_weights_of_rows_go_with_them() -> None:
    X, y = table(50)
    cut = Batches(Batch(X, y, y / 7.0), 8, MEMORY)
    cut.enter(generator(3, Purpose.SHUFFLE).permutation(50))
    for index in range(cut.count):
        batch = cut.batch(index)
        np.testing.assert_array_equal(batch.weights, batch.y / 7.0)


def test_rows_may_lie_in_a_file(tmp_path: Path) -> None:
    X, y = table(500)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    order = generator(4, Purpose.SHUFFLE).permutation(500)
    found = []
    for source in (X, mapped):
        cut = Batches(Batch(source, y, None), 64, MEMORY)
        cut.enter(order)
        found.append([cut.batch(index).X.tobytes() for index in range(cut.count)])
    assert found[0] == found[1]
