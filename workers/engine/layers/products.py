"""Matrix products of single batches (B, I) and of stacks of them (K, B, I), into given memory.

NumPy's `dot` costs half of its `matmul` where matrices are small, but means something else where
there are more than two axes. Both give the same bits (tests/workers/engine/layers/test_products).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.tensors import Array, BatchRows, Shape


def product_for(xp: Any, members: Shape) -> Callable[..., Any]:
    """The function (a, b, out=) for arrays with the axes of `members` in front, none or one."""
    function: Callable[..., Any] = xp.matmul if members else xp.dot
    return function


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
