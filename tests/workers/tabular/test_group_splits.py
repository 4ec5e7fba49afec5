from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.tabular.group_splits import split_groups
from workers.tabular.splits import Split, part_sizes

FRACTIONS = st.floats(0.0, 0.45)
GROUPS = st.lists(st.integers(-3, 12), min_size=3, max_size=80).map(np.array)
SEEDS = st.integers(0, 2**63 - 1)


def parts_of(split: Split) -> list[np.ndarray]:
    return [split.train, split.validation, split.test]


@given(groups=GROUPS, validation=FRACTIONS, test=FRACTIONS, seed=SEEDS)
@settings(max_examples=300)
def test_every_row_is_in_one_part_and_nobodys_group_in_two(
    groups: np.ndarray, validation: float, test: float, seed: int
) -> None:
    asked = 1 + (validation > 0) + (test > 0)
    if len(np.unique(groups)) < asked:
        with pytest.raises(ValueError, match="groups cannot be divided"):
            split_groups(groups, validation, test, seed)
        return
    parts = parts_of(split_groups(groups, validation, test, seed))
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(groups)))
    assert all((np.diff(rows) > 0).all() for rows in parts)
    there = [set(groups[rows].tolist()) for rows in parts]
    assert sum(map(len, there)) == len(set(groups.tolist()))
    assert [bool(names) for names in there] == [True, validation > 0, test > 0]


@given(groups=GROUPS, validation=FRACTIONS, test=FRACTIONS, seed=SEEDS)
@settings(max_examples=300)
def test_parts_miss_their_size_by_half_of_the_largest_group_at_most(
    groups: np.ndarray, validation: float, test: float, seed: int
) -> None:
    counts = dict(zip(*np.unique(groups, return_counts=True), strict=True))
    if len(counts) < 3:
        return
    split = split_groups(groups, validation, test, seed)
    sizes = part_sizes(len(groups), validation, test)
    names = [np.unique(groups[rows]) for rows in parts_of(split)]
    for place, rows in enumerate(parts_of(split)[1:], 1):
        off = abs(len(rows) - sizes[place])
        # One group a part must have, however large; and it leaves the others one each.
        is_forced = len(names[place]) == 1 or len(names[0]) == 1
        assert off <= max(counts.values()) / 2 or is_forced


@given(n=st.integers(3, 200), validation=FRACTIONS, test=FRACTIONS, seed=SEEDS)
def test_rows_that_are_a_group_each_are_divided_to_the_row(
    n: int, validation: float, test: float, seed: int
) -> None:
    sizes = part_sizes(n, validation, test)
    if sizes[0] < 1:
        return
    split = split_groups(np.arange(n), validation, test, seed)
    assert tuple(len(rows) for rows in parts_of(split)) == sizes


def test_the_seed_and_the_groups_decide_and_not_what_they_are_called() -> None:
    groups = np.random.default_rng(1).integers(0, 60, 1000)
    first, again, renamed, other = (
        split_groups(names, 0.2, 0.1, seed).validation.tolist()
        for names, seed in ((groups, 7), (groups, 7), (groups * 5 - 3, 7), (groups, 8))
    )
    assert first == again == renamed
    assert first != other


def test_large_groups_validate_as_small_ones_do() -> None:
    # Ten groups of 20 and a hundred of 2 rows: 2 of the large ones would fill a part by themselves.
    groups = np.concatenate([np.repeat(np.arange(10), 20), np.repeat(np.arange(100, 200), 2)])
    drawn = np.zeros(len(groups))
    for seed in range(400):
        drawn[split_groups(groups, 0.2, 0.0, seed).validation] += 1
    share = drawn / 400
    assert 0.1 < share[:200].mean() < 0.3
    assert 0.1 < share[200:].mean() < 0.3


def test_a_group_that_is_too_large_is_taken_where_there_is_no_other() -> None:
    groups = np.repeat([0, 1], [50, 60])
    split = split_groups(groups, 0.1, 0.0, seed=4)
    assert set(groups[split.validation].tolist()) == {0}
    assert set(groups[split.train].tolist()) == {1}
