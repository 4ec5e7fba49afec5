"""Matrix products of single batches (B, I) and of stacks of them (K, B, I), into given memory.

NumPy's `dot` costs half of its `matmul` where matrices are small, but means something else where
there are more than two axes. Both give the same bits (tests/workers/engine/layers/test_products).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine import rng

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.backend import DType
    from workers.engine.layers.layer import Workplace
    from workers.engine.tensors import Array, BatchRows

_PROBES = 2


def product_for(place: Workplace) -> Callable[..., Any]:
    """The function (a, b, out=) for batches as those of `place`."""
    # For a batch of one row too: `dot` of two single numbers takes -0 for 0.
    plural = place.members or place.product_rows.total == 1
    product: Callable[..., Any] = place.memory.xp.matmul if plural else place.memory.xp.dot
    return product


def transposed(a: Array) -> Array:
    """A view of each matrix of (..., m, n) with its rows as columns."""
    return a.swapaxes(-1, -2)


class RowProduct:
    """X W for X (B, I), left in `out` (B, O), with the bits of `rows.per_product` at a time.

    There may be a multiple of `rows.total` rows: no product then takes more than these.
    """

    def __init__(self, product: Callable[..., Any], rows: BatchRows, W: Array, out: Array) -> None:
        self._product = product
        self._W = W
        self._out = out
        size = rows.total
        if rows.per_product < size:
            size = rows_at_a_time(rows, (W.shape[-2], W.shape[-1]), W.dtype, product)
        self._pieces = [
            (slice(start, start + size), out[..., start : start + size, :])
            for start in range(0, out.shape[-2], size)
        ]

    def __call__(self, X: Array) -> None:
        """Overwrite all of `out`."""
        if len(self._pieces) == 1:
            self._product(X, self._W, out=self._out)
            return
        for rows, piece in self._pieces:
            self._product(X[..., rows, :], self._W, out=piece)


@lru_cache(maxsize=1024)
def rows_at_a_time(
    rows: BatchRows, shape: tuple[int, int], dtype: DType, product: Callable[..., Any]
) -> int:
    """The most rows, halved from all, whose products with W of a shape have the bits wanted.

    They differ where BLAS takes its kernel for small matrices for the fewer rows and another one
    for the more, or where a row's place among the others decides which part of a kernel adds.
    What decides is the shape alone, not the numbers: random ones show it, on this machine.
    """
    works = [_random_work(rows.total, shape, dtype, trial) for trial in range(_PROBES)]
    size = rows.total
    while size % 2 == 0 and size > rows.per_product:
        if all(_same_bits(rows, size, work, product) for work in works):
            return size
        size //= 2
    return rows.per_product


def _random_work(
    n_rows: int, shape: tuple[int, int], dtype: DType, trial: int
) -> tuple[Array, Array]:
    random = rng.generator(0, rng.Purpose.PROBE, trial)
    kind = np.float32 if dtype == np.float32 else np.float64
    return random.standard_normal((n_rows, shape[0]), kind), random.standard_normal(shape, kind)


def _same_bits(
    rows: BatchRows, size: int, work: tuple[Array, Array], product: Callable[..., Any]
) -> bool:
    X, W = work
    found = []
    for taken in (size, rows.per_product):
        out = np.empty((size, W.shape[1]), W.dtype)
        for start in range(0, size, taken):
            product(X[start : start + taken], W, out=out[start : start + taken])
        found.append(out.tobytes())
    return found[0] == found[1]
