"""Matrix products of single batches (B, I) and of stacks of them (K, B, I), into given memory.

NumPy's `dot` costs half of its `matmul` where matrices are small, but means something else where
there are more than two axes. Both give the same bits (tests/workers/engine/layers/test_products).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.layers.layer import Workplace
    from workers.engine.tensors import Array, BatchRows


def product_for(place: Workplace) -> Callable[..., Any]:
    """The function (a, b, out=) for batches as those of `place`."""
    # For a batch of one row too: `dot` of two single numbers takes -0 for 0.
    plural = place.members or place.rows.total == 1
    product: Callable[..., Any] = place.memory.xp.matmul if plural else place.memory.xp.dot
    return product


def transposed(a: Array) -> Array:
    """A view of each matrix of (..., m, n) with its rows as columns."""
    return a.swapaxes(-1, -2)


class RowProduct:
    """X W for X (B, I), left in `out` (B, O), taken on `rows.per_product` rows at a time."""

    def __init__(self, product: Callable[..., Any], rows: BatchRows, W: Array, out: Array) -> None:
        self._product = product
        self._W = W
        self._out = out
        self._pieces = [
            (slice(start, end), out[..., start:end, :])
            for start in range(0, rows.total, rows.per_product)
            for end in (start + rows.per_product,)
        ]

    def __call__(self, X: Array) -> None:
        """Overwrite all of `out`."""
        if len(self._pieces) == 1:
            self._product(X, self._W, out=self._out)
            return
        for rows, piece in self._pieces:
            self._product(X[..., rows, :], self._W, out=piece)
