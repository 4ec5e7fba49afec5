"""Which rows train, which judge in between, which judge at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
DrawMethod = Literal["random", "stratified", "ordered"]
SplitMethod = Literal["random", "stratified", "ordered", "group", "column"]

# Philox is keyed by (seed, purpose); the engine's purposes for the same seed are below 100.
SPLIT_PURPOSE = 100


@dataclass(frozen=True)
class Split:
    """Row numbers in ascending order; every row is in exactly one of the three."""

    train: Rows
    validation: Rows
    test: Rows


def part_sizes(n: int, validation: float, test: float) -> tuple[int, int, int]:
    """Rows (train, validation, test) of n for two fractions of all rows.

    Rounded half up, but a fraction above 0 asks for one row at least. The rest trains: it may be
    0 or negative, which is for the caller to refuse.
    """
    n_validation, n_test = (max(int(n * f + 0.5), 1) if f > 0 else 0 for f in (validation, test))
    return n - n_validation - n_test, n_validation, n_test


def split_rows(
    n: int,
    validation: float,
    test: float,
    method: DrawMethod,
    labels: NDArray[np.integer[Any]] | None,
    seed: int,
) -> Split:
    """Divide n rows by `part_sizes`; the same arguments give the same split for ever.

    random      every row alike
    stratified  every class of `labels` (n,) in proportion, the parts' sizes being exact; each class
                keeps a row in training, so a class of one row trains, and where classes run out of
                rows to give the parts are smaller than asked
    ordered     in the table's order: the first rows train, then validation, the last ones test

    Raises ValueError where no row is left for training, or labels for "stratified" are missing.
    """
    n_train, n_validation, n_test = part_sizes(n, validation, test)
    if n_train < 1:
        raise ValueError(f"{n} rows leave none for training")
    if method == "ordered":
        return _in_order(np.arange(n), n_train, n_validation)
    order = generator(seed, SPLIT_PURPOSE).permutation(n)
    if method == "random":
        return _in_order(order, n_train, n_validation)
    if labels is None:
        raise ValueError("a stratified split needs labels")
    return _stratified(order, labels, n_validation, n_test)


def generator(seed: int, purpose: int) -> np.random.Generator:
    """The random numbers of a seed for one purpose."""
    key = np.array([seed, purpose], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def _in_order(order: Rows, n_train: int, n_validation: int) -> Split:
    end = n_train + n_validation
    return Split(
        train=np.sort(order[:n_train]),
        validation=np.sort(order[n_train:end]),
        test=np.sort(order[end:]),
    )


def _stratified(
    order: Rows, labels: NDArray[np.integer[Any]], n_validation: int, n_test: int
) -> Split:
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    room = counts - 1
    for_validation = _shares(counts, room, n_validation)
    for_test = _shares(counts, room - for_validation, n_test)
    by_class = order[np.argsort(codes[order], kind="stable")]
    starts = np.cumsum(counts) - counts
    place = np.arange(len(order)) - np.repeat(starts, counts)
    end_validation = np.repeat(for_validation, counts)
    end_test = end_validation + np.repeat(for_test, counts)
    return Split(
        train=np.sort(by_class[place >= end_test]),
        validation=np.sort(by_class[place < end_validation]),
        test=np.sort(by_class[(place >= end_validation) & (place < end_test)]),
    )


def _shares(counts: Rows, room: Rows, total: int) -> Rows:
    """Divide `total` rows among classes in proportion to `counts`, by largest remainders.

    No class gives more than its `room`; what it cannot give, the others do.
    """
    quotas = counts * (total / counts.sum())
    shares: Rows = np.minimum(quotas.astype(np.intp), room)
    missing = min(total, int(room.sum())) - int(shares.sum())
    while missing > 0:
        by_need = np.argsort(shares - quotas, kind="stable")
        givers = by_need[shares[by_need] < room[by_need]][:missing]
        shares[givers] += 1
        missing -= len(givers)
    return shares
