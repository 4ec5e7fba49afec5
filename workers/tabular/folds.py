"""Folds: each row is held out once, while the others train."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.tabular.splits import FOLD_PURPOSE, Rows, generator

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fold_of_rows(n: int, k: int, labels: NDArray[np.integer[Any]] | None, seed: int) -> Rows:
    """The fold (n,), from 0, of each row: drawn from the seed, their sizes differ by one at most.

    With `labels` (n,) so do the rows of every class in two folds.

    Raises ValueError where there are fewer rows than folds.
    """
    if n < k:
        raise ValueError(f"{n} rows cannot be divided into {k} folds")
    order = generator(seed, FOLD_PURPOSE).permutation(n)
    if labels is not None:
        # Class after class, dealt like cards: where one ends the next goes on with the next fold.
        order = order[np.argsort(labels[order], kind="stable")]
    folds = np.empty(n, np.intp)
    folds[order] = np.arange(n) % k
    return folds


def fold_of_groups(groups: NDArray[np.integer[Any]], k: int, seed: int) -> Rows:
    """The fold (n,), from 0, of each row, by its group (n,): groups stay whole.

    The largest groups come first, each into the fold that has the fewest rows (Graham 1969): two
    folds differ by no more rows than the largest group has. Among groups of one size the seed
    decides.

    Raises ValueError where there are fewer groups than folds.
    """
    _, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) < k:
        raise ValueError(f"{len(sizes)} groups cannot be divided into {k} folds")
    order = generator(seed, FOLD_PURPOSE).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of = np.empty(len(sizes), np.intp)
    folds = [(0, fold) for fold in range(k)]
    for group, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        rows, fold = folds[0]
        heapq.heapreplace(folds, (rows + size, fold))
        fold_of[group] = fold
    return fold_of[codes]
