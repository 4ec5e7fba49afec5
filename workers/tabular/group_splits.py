"""Splits that leave groups of rows whole: what is known of one row tells nothing of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.tabular.splits import SPLIT_PURPOSE, Split, generator, part_sizes

if TYPE_CHECKING:
    from numpy.typing import NDArray


def split_groups(
    groups: NDArray[np.integer[Any]], validation: float, test: float, seed: int
) -> Split:
    """Divide rows by `part_sizes` as nearly as whole groups (n,) allow; n rows, any numbers.

    Groups come in an order drawn from the seed, and one is taken into a part as long as that brings
    the part nearer to its size. So it misses it by no more than half of the largest group, but
    where its one and only group is larger than twice its size. To take the largest groups first
    would come nearer, and would keep them out of every small part.

    Raises ValueError where there are fewer groups than parts that need one.
    """
    _, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    _, n_validation, n_test = part_sizes(len(groups), validation, test)
    waiting: list[int] = generator(seed, SPLIT_PURPOSE).permutation(len(sizes)).tolist()
    n_parts = 1 + (n_validation > 0) + (n_test > 0)
    if len(waiting) < n_parts:
        raise ValueError(f"{len(waiting)} groups cannot be divided into {n_parts} parts")
    part_of = np.zeros(len(sizes), np.int8)
    by_group = sizes.tolist()
    for part, wanted in ((1, n_validation), (2, n_test)):
        if wanted:
            n_parts -= 1
            taken = _taken(waiting, by_group, wanted, most=len(waiting) - n_parts)
            part_of[taken] = part
            there = set(taken)
            waiting = [group for group in waiting if group not in there]
    parts = part_of[codes]
    return Split(*(np.flatnonzero(parts == part) for part in range(3)))


def _taken(waiting: list[int], sizes: list[int], wanted: int, *, most: int) -> list[int]:
    """The groups of a part of `wanted` rows: one at least, and no more than `most`."""
    taken: list[int] = []
    missing = wanted
    for group in waiting:
        if missing <= 0 or len(taken) == most:
            break
        if sizes[group] < 2 * missing:
            taken.append(group)
            missing -= sizes[group]
    return taken or [min(waiting, key=lambda group: sizes[group])]
