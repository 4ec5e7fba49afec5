"""Sums as products: per stacked member, with the bits that the member alone would get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from workers.engine.tensors import Array, Memory, Shape


def dot(xp: Any, a: Array, b: Array, out: Array) -> None:
    """Leave sum_i a_i b_i of contiguous a (..., n) and b (..., n) or (n,) in `out` (...)."""
    if out.ndim == 0:
        xp.dot(a, b, out=out)
    else:
        xp.matmul(a[..., np.newaxis, :], b[..., np.newaxis], out=out[..., np.newaxis, np.newaxis])


class Shares:
    """What each row of a batch counts in its mean: w_i / sum w, or 1 / B without weights.

    A batch whose weights are all 0 counts nothing at all: its loss is 0, not 0 / 0.
    """

    def __init__(self, memory: Memory, rows: Shape) -> None:
        self._xp = memory.xp
        self._equal: Array = memory.xp.full(rows, 1.0 / rows[-1], memory.dtype)
        self._ones = memory.ones(rows[-1:])
        self._weighted = memory.empty(rows)
        self._total = memory.empty(rows[:-1])
        self._totals = self._total[..., np.newaxis]
        self._least = memory.constant(float(np.finfo(memory.dtype).tiny))

    def __call__(self, weights: Array | None) -> Array:
        """Weights (..., B) >= 0 to shares (..., B), valid until the next call."""
        if weights is None:
            return self._equal
        xp = self._xp
        dot(xp, weights, self._ones, self._total)
        xp.maximum(self._total, self._least, out=self._total)
        xp.divide(weights, self._totals, out=self._weighted)
        return self._weighted


class ElementMean:
    """The mean over all elements of a batch: of their losses, and so of their slopes."""

    def __init__(self, memory: Memory, shape: Shape) -> None:
        self._xp = memory.xp
        *lead, rows, outputs = shape
        self.terms = memory.empty(shape)
        flat = (*lead, rows * outputs)
        self._terms = self.terms.reshape(flat)
        self._equal = memory.xp.full(shape, 1.0 / (rows * outputs), memory.dtype)
        self._shares = Shares(memory, shape[:-1])
        self._outputs = memory.constant(outputs)
        self._weighted = memory.empty(shape)
        self._flat_equal = self._equal.reshape(flat)
        self._flat_weighted = self._weighted.reshape(flat)

    def __call__(self, weights: Array | None, gradient: Array, value: Array) -> None:
        """From losses in `terms` and slopes in `gradient`, each (..., B, K), to their mean's."""
        xp = self._xp
        if weights is None:
            shares, flat = self._equal, self._flat_equal
        else:
            shares, flat = self._weighted, self._flat_weighted
            xp.divide(self._shares(weights)[..., np.newaxis], self._outputs, out=shares)
        xp.multiply(gradient, shares, out=gradient)
        dot(xp, self._terms, flat, value)
