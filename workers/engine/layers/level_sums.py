"""Sums of the rows of each level in a fixed order: the gradient of a table that was looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.layers.products import product_for, transposed

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.layers.layer import Workplace
    from workers.engine.tensors import Array, Labels


def sums_by_level(
    codes: Labels, vectors: Array, sums: Array, place: Workplace
) -> Callable[[], None]:
    """A function that leaves the sum of the rows with the code l in sums[l].

    codes (B,) in [0, L), vectors (B, D), sums (L, D), all as they are when it is called; or each
    with the axis of stacked members (K,) in front.
    """
    way = _InTurn if place.memory.xp is np else _ByProduct
    return way(codes, vectors, sums, place)


def each_member(array: Any, axes: int) -> list[Any]:
    """The array of each member, or the one that there is, which has so many axes."""
    return [array[k] for k in range(len(array))] if array.ndim > axes else [array]


class _InTurn:
    """One row after the other: no work for levels that are not there."""

    def __init__(self, codes: Labels, vectors: Array, sums: Array, place: Workplace) -> None:  # noqa: ARG002
        self._codes = codes[..., None]
        self._dimension = vectors.shape[-1]
        self._columns = np.arange(self._dimension)
        self._places: Labels = np.empty(vectors.shape, np.intp)
        self._members = [
            tuple(part.reshape(-1) for part in parts)
            for parts in zip(
                each_member(sums, 2),
                each_member(self._places, 2),
                each_member(vectors, 2),
                strict=True,
            )
        ]

    def __call__(self) -> None:
        # Flat: NumPy adds single numbers at places ten times faster than rows.
        np.multiply(self._codes, self._dimension, out=self._places)
        np.add(self._places, self._columns, out=self._places)
        for sums, places, numbers in self._members:
            sums.fill(0.0)
            np.add.at(sums, places, numbers)


class _ByProduct:
    """As the product with the matrix of rows by levels: a device adds in any order otherwise."""

    def __init__(self, codes: Labels, vectors: Array, sums: Array, place: Workplace) -> None:
        xp, n_levels = place.memory.xp, sums.shape[-2]
        self._xp = xp
        self._codes = codes[..., None]
        self._levels = xp.arange(n_levels)
        self._is_level = xp.empty((*codes.shape, n_levels), xp.bool_)
        self._one_hot = place.memory.empty(self._is_level.shape)
        self._product = product_for(place)
        self._vectors, self._sums = vectors, sums

    def __call__(self) -> None:
        self._xp.equal(self._codes, self._levels, out=self._is_level)
        self._xp.copyto(self._one_hot, self._is_level)
        self._product(transposed(self._one_hot), self._vectors, out=self._sums)
