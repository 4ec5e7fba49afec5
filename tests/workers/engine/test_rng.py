"""Counter-based randomness: streams are entered directly and do not overlap."""

from __future__ import annotations

import numpy as np
import pytest

from workers.engine.rng import Purpose, Shuffler, generator


def test_a_stream_is_a_function_of_its_name() -> None:
    first = generator(7, Purpose.SHUFFLE, 3).permutation(100)
    np.testing.assert_array_equal(first, generator(7, Purpose.SHUFFLE, 3).permutation(100))


@pytest.mark.parametrize("other", [(8, Purpose.SHUFFLE, 3), (7, Purpose.SHUFFLE, 4), (7, 1, 3)])
def test_seed_purpose_and_index_each_make_another_stream(other: tuple[int, Purpose, int]) -> None:
    here = generator(7, Purpose.SHUFFLE, 3).random(4096)
    there = generator(*other).random(4096)
    assert not set(here) & set(there)
    assert abs(np.corrcoef(here, there)[0, 1]) < 5.0 / np.sqrt(4096)


def test_the_largest_seed_and_epoch_are_taken() -> None:
    assert 0.0 <= generator(2**63 - 1, Purpose.SHUFFLE, 10_000).random() < 1.0


def test_the_orders_of_epochs_are_those_of_fresh_generators_whatever_was_asked_before() -> None:
    shuffler = Shuffler()
    for seed, epoch, n_rows in [(0, 0, 10), (2**63 - 1, 5, 333), (0, 0, 10), (7, 2**40, 5)]:
        expected = generator(seed, Purpose.SHUFFLE, epoch).permutation(n_rows)
        np.testing.assert_array_equal(shuffler.order(seed, epoch, n_rows), expected)
