from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.tabular.folds import fold_of_groups, fold_of_rows

FOLDS = st.integers(2, 20)
NUMBERS = st.lists(st.integers(0, 8), min_size=2, max_size=90).map(np.array)
SEEDS = st.integers(0, 2**63 - 1)


@given(n=st.integers(2, 200), k=FOLDS, seed=SEEDS)
def test_folds_have_as_many_rows_as_each_other_or_one_more(n: int, k: int, seed: int) -> None:
    if n < k:
        with pytest.raises(ValueError, match="cannot be divided"):
            fold_of_rows(n, k, None, seed)
        return
    counts = np.bincount(fold_of_rows(n, k, None, seed), minlength=k)
    assert len(counts) == k
    assert counts.max() - counts.min() <= 1


@given(labels=NUMBERS, k=FOLDS, seed=SEEDS)
@settings(max_examples=200)
def test_every_class_is_spread_over_the_folds_to_the_row(
    labels: np.ndarray, k: int, seed: int
) -> None:
    if len(labels) < k:
        return
    folds = fold_of_rows(len(labels), k, labels, seed)
    counts = np.bincount(folds, minlength=k)
    assert counts.max() - counts.min() <= 1
    for label in np.unique(labels):
        of_class = np.bincount(folds[labels == label], minlength=k)
        assert of_class.max() - of_class.min() <= 1


@given(groups=NUMBERS, k=FOLDS, seed=SEEDS)
@settings(max_examples=200)
def test_groups_stay_whole_and_folds_differ_by_the_largest_group_at_most(
    groups: np.ndarray, k: int, seed: int
) -> None:
    _, sizes = np.unique(groups, return_counts=True)
    if len(sizes) < k:
        with pytest.raises(ValueError, match="groups cannot be divided"):
            fold_of_groups(groups, k, seed)
        return
    folds = fold_of_groups(groups, k, seed)
    assert all(len(set(folds[groups == group].tolist())) == 1 for group in np.unique(groups))
    counts = np.bincount(folds, minlength=k)
    assert len(counts) == k
    assert counts.min() > 0
    assert counts.max() - counts.min() <= sizes.max()


@pytest.mark.parametrize("has_labels", [False, True])
def test_the_seed_decides_over_rows(has_labels: bool) -> None:
    labels = np.repeat(np.arange(40), 5) if has_labels else None
    first, again, other = (fold_of_rows(200, 5, labels, seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_seed_decides_over_groups() -> None:
    groups = np.repeat(np.arange(40), 5)
    first, again, other = (fold_of_groups(groups, 5, seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
