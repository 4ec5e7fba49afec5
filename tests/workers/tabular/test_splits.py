from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.tabular.splits import Split, part_sizes, split_rows

FRACTIONS = st.floats(0.0, 0.45)
LABELS = st.lists(st.integers(0, 6), min_size=1, max_size=60).map(np.array)


def parts_of(split: Split) -> list[int]:
    return [*split.train.tolist(), *split.validation.tolist(), *split.test.tolist()]


@given(n=st.integers(1, 200), validation=FRACTIONS, test=FRACTIONS, seed=st.integers(0, 2**63 - 1))
def test_every_row_is_in_exactly_one_part_of_the_asked_size(
    n: int, validation: float, test: float, seed: int
) -> None:
    sizes = part_sizes(n, validation, test)
    if sizes[0] < 1:
        with pytest.raises(ValueError, match="none for training"):
            split_rows(n, validation, test, "random", None, seed)
        return
    for method in ("random", "ordered"):
        split = split_rows(n, validation, test, method, None, seed)
        assert sorted(parts_of(split)) == list(range(n))
        assert (len(split.train), len(split.validation), len(split.test)) == sizes


@given(labels=LABELS, validation=FRACTIONS, test=FRACTIONS, seed=st.integers(0, 99))
@settings(max_examples=200)
def test_a_stratified_split_leaves_every_class_a_row_to_train(
    labels: np.ndarray, validation: float, test: float, seed: int
) -> None:
    n = len(labels)
    n_train, n_validation, n_test = part_sizes(n, validation, test)
    if n_train < 1:
        return
    split = split_rows(n, validation, test, "stratified", labels, seed)
    assert sorted(parts_of(split)) == list(range(n))
    assert set(labels[split.train].tolist()) == set(labels.tolist())
    room = n - len(np.unique(labels))
    assert len(split.validation) == min(n_validation, room)
    assert len(split.test) == min(n_test, room - len(split.validation))


def test_classes_are_in_every_part_in_their_proportion() -> None:
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    split = split_rows(1000, 0.2, 0.1, "stratified", labels, seed=3)
    assert np.bincount(labels[split.validation]).tolist() == [120, 60, 20]
    assert np.bincount(labels[split.test]).tolist() == [60, 30, 10]


def test_a_class_of_one_row_trains_and_one_of_two_rows_is_divided() -> None:
    labels = np.array([0, 1, 1, *[2] * 7])
    split = split_rows(10, 0.5, 0.0, "stratified", labels, seed=0)
    assert 0 in split.train
    assert np.bincount(labels[split.validation], minlength=3).tolist() == [0, 1, 4]


def test_in_order_the_last_rows_test_and_those_before_them_validate() -> None:
    split = split_rows(10, 0.2, 0.3, "ordered", None, seed=5)
    assert split.train.tolist() == [0, 1, 2, 3, 4]
    assert split.validation.tolist() == [5, 6]
    assert split.test.tolist() == [7, 8, 9]


def test_a_fraction_of_zero_holds_nothing_out() -> None:
    split = split_rows(7, 0.0, 0.0, "random", None, seed=1)
    assert split.train.tolist() == list(range(7))
    assert not len(split.validation)
    assert not len(split.test)


def test_the_seed_alone_decides_who_is_drawn() -> None:
    first, again, other = (
        split_rows(1000, 0.2, 0.0, "random", None, seed).validation for seed in (7, 7, 8)
    )
    assert np.array_equal(first, again)
    # Two independent draws of 200 from 1000 share 40 rows on average, with deviation 5.1.
    assert 40 - 26 < len(np.intersect1d(first, other)) < 40 + 26


def test_a_seed_gives_the_same_split_for_ever() -> None:
    stream = np.random.Generator(np.random.Philox(key=np.array([7, 100], np.uint64)))
    drawn = stream.permutation(1000)[800:]
    split = split_rows(1000, 0.2, 0.0, "random", None, seed=7)
    assert split.validation.tolist() == sorted(drawn.tolist())


def test_no_row_is_favoured() -> None:
    drawn = np.zeros(20)
    for seed in range(2000):
        drawn[split_rows(20, 0.25, 0.0, "random", None, seed).validation] += 1
    # Binomial(2000, 1/4): mean 500, deviation 19.4.
    assert np.abs(drawn - 500).max() < 5 * 19.4


def test_a_stratified_split_needs_labels() -> None:
    with pytest.raises(ValueError, match="labels"):
        split_rows(10, 0.2, 0.0, "stratified", None, seed=0)
