"""Batches of stacked members: for each the rows that it gets alone, whatever the others' order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.engine.rng import Purpose, generator
from workers.engine.steps import stacked_batches
from workers.engine.steps.batches import Batch, Batches
from workers.engine.steps.stacked_batches import StackedBatches, Tables
from workers.engine.tensors import Memory

MEMORY = Memory(np, np.dtype(np.float64))


def table(n_rows: int, first: int = 0) -> Batch:
    X = np.arange(n_rows * 3, dtype=np.float64).reshape(n_rows, 3) + first
    return Batch(X, np.arange(n_rows) + first, np.arange(n_rows) + first + 0.5)


def shared(n_rows: int, members: int) -> Tables:
    return Tables([table(n_rows)], [0] * members)


def orders_of(members: int, n_rows: int) -> list[np.ndarray]:
    return [generator(seed, Purpose.SHUFFLE).permutation(n_rows) for seed in range(members)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    n_rows=st.integers(1, 200),
    batch_size=st.integers(1, 250),
    tables=st.integers(1, 3),
    of_members=st.lists(st.integers(0, 2), min_size=1, max_size=4),
    shuffled=st.booleans(),
    stretch=st.integers(1, 20_000),
)
def test_each_member_gets_the_batches_that_it_gets_alone(
    n_rows: int, batch_size: int, tables: int, of_members: list[int], shuffled: bool, stretch: int
) -> None:
    rows = [table(n_rows, 1000 * place) for place in range(tables)]
    of_members = [place % tables for place in of_members]
    members = len(of_members)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacked_batches, "STRETCH_BYTES", stretch)
        stacked = StackedBatches(Tables(rows, of_members), batch_size, MEMORY)
    orders = orders_of(members, n_rows) if shuffled else [None] * members
    alone = [Batches(rows[place], batch_size, MEMORY) for place in of_members]
    for cut, order in zip(alone, orders, strict=True):
        cut.enter(order)
    stacked.enter(orders)
    assert stacked.count == alone[0].count
    for index in range(stacked.count):
        together = stacked.batch(index)
        for member, cut in enumerate(alone):
            for array, expected in zip(together, cut.batch(index), strict=True):
                assert array.flags.c_contiguous
                np.testing.assert_array_equal(array[member], expected)


def test_any_batch_can_be_entered_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacked_batches, "STRETCH_BYTES", 5000)
    stacked = StackedBatches(shared(205, 3), 20, MEMORY)
    orders = orders_of(3, 205)
    stacked.enter(orders)
    in_turn = [stacked.batch(index).y.tolist() for index in range(stacked.count)]
    for index in (7, 10, 0, 10, 3):
        stacked.enter(orders)
        assert stacked.batch(index).y.tolist() == in_turn[index]


def test_the_next_epoch_forgets_the_orders_of_the_last() -> None:
    stacked = StackedBatches(shared(50, 2), 20, MEMORY)
    stacked.enter(orders_of(2, 50))
    stacked.batch(2)
    stacked.enter([None, None])
    assert stacked.batch(0).y.tolist() == [list(range(20))] * 2
    assert stacked.batch(2).y.tolist() == [list(range(40, 50))] * 2
