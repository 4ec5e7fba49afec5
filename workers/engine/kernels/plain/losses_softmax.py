"""Losses on logits of class labels with their gradients, in NumPy.

Every row is shifted by its largest score, which changes nothing but the range (Goodfellow et al.
2016, 4.1). Computed with classes as rows: reductions along short rows are slow in NumPy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from workers.engine.kernels.plain.sums import Shares, dot

if TYPE_CHECKING:
    from workers.engine.spec import FocalSpec, SoftmaxCrossEntropySpec
    from workers.engine.tensors import Array, Labels, Memory, Shape


class SoftmaxCrossEntropy:
    """L = mean of log sum_k exp(z_k) - sum_k t_k z_k; dL/dz = (softmax(z) - t) / B.

    t is 1 at the label, or with smoothing e: 1 - e + e / K there and e / K at the others.
    """

    def __init__(self, spec: SoftmaxCrossEntropySpec, memory: Memory, shape: Shape) -> None:
        self._xp = memory.xp
        self._scores = _ByClass(memory, shape)
        self._shares = Shares(memory, shape[:-1])
        self._sums, self._true, self._logs = (memory.empty(shape[:-1]) for _ in range(3))
        self._sums_column = self._sums[..., np.newaxis, :]
        smoothing = spec.label_smoothing
        self._is_smooth = smoothing > 0.0
        self._kept = memory.constant(1.0 - smoothing)
        self._given = memory.constant(smoothing / shape[-1])

    def __call__(
        self, scores: Array, targets: Labels, weights: Array | None, gradient: Array, value: Array
    ) -> None:
        """Targets (..., B): labels in [0, K) of type intp."""
        xp, z = self._xp, self._scores
        sums, true, logs = self._sums, self._true, self._logs
        shares = self._shares(weights)
        z.load(scores, targets)
        z.take(true)
        if self._is_smooth:
            xp.multiply(true, self._kept, out=true)
            z.sum(logs)
            xp.multiply(logs, self._given, out=logs)
            xp.add(true, logs, out=true)
        xp.exp(z.by_class, out=z.by_class)
        z.sum(sums)
        xp.log(sums, out=logs)
        xp.subtract(logs, true, out=logs)
        dot(xp, logs, shares, value)
        # A share of 0 makes of its row 1 / inf = 0.
        xp.divide(sums, shares, out=sums)
        xp.divide(z.by_class, self._sums_column, out=z.by_class)
        if self._is_smooth:
            xp.multiply(shares, self._given, out=logs)
            xp.subtract(z.by_class, logs[..., np.newaxis, :], out=z.by_class)
            shares = xp.multiply(shares, self._kept, out=logs)
        z.take(true)
        xp.subtract(true, shares, out=true)
        z.put(true)
        z.unload(gradient)


class SoftmaxFocal:
    """L = mean of -q^gamma log p, p = softmax(z) at the label, q = 1 - p.

    dL/dz = G (1 at the label, -exp(z_k) / sum_{j != label} exp(z_j) at the others), with
    G = (gamma q^gamma p log p - q^(gamma + 1)) / B. q is the sum over the other classes, not a
    difference of rounded numbers.
    """

    def __init__(self, spec: FocalSpec, memory: Memory, shape: Shape) -> None:
        self._xp = memory.xp
        self._scores = _ByClass(memory, shape)
        self._shares = Shares(memory, shape[:-1])
        self._gamma = memory.constant(spec.gamma)
        self._half = memory.constant(0.5)
        self._is_sure = memory.xp.empty(shape[:-1], np.bool_)
        self._zeros = memory.zeros(shape[:-1])
        self._least = memory.xp.full(shape[:-1], np.finfo(memory.dtype).tiny, memory.dtype)
        rows = [memory.empty(shape[:-1]) for _ in range(6)]
        self._others, self._sums, self._log_p, self._p, self._q, self._power = rows

    def __call__(
        self, scores: Array, targets: Labels, weights: Array | None, gradient: Array, value: Array
    ) -> None:
        """Targets (..., B): labels in [0, K) of type intp."""
        xp, z = self._xp, self._scores
        others, sums, log_p, p, q = self._others, self._sums, self._log_p, self._p, self._q
        shares = self._shares(weights)
        z.load(scores, targets)
        z.take(log_p)
        xp.exp(z.by_class, out=z.by_class)
        z.take(p)
        z.put(self._zeros)
        z.sum(others)
        xp.add(others, p, out=sums)
        xp.divide(p, sums, out=p)
        xp.divide(others, sums, out=q)
        xp.log(sums, out=sums)
        xp.subtract(log_p, sums, out=log_p)
        # Near 1 the logarithm of p is that of 1 - q, with all its digits.
        xp.negative(q, out=sums)
        xp.log1p(sums, out=sums)
        xp.less(q, self._half, out=self._is_sure)
        xp.copyto(log_p, sums, where=self._is_sure)
        xp.power(q, self._gamma, out=self._power)
        slope = sums
        xp.multiply(p, log_p, out=slope)
        xp.multiply(slope, self._gamma, out=slope)
        xp.subtract(slope, q, out=slope)
        xp.multiply(slope, self._power, out=slope)
        xp.multiply(slope, shares, out=slope)
        xp.multiply(log_p, self._power, out=log_p)
        xp.negative(log_p, out=log_p)
        dot(xp, log_p, shares, value)
        # Where nothing of the other classes is left, neither is any of the slope.
        xp.maximum(others, self._least, out=others)
        xp.divide(slope, others, out=others)
        xp.negative(others, out=others)
        xp.multiply(z.by_class, others[..., np.newaxis, :], out=z.by_class)
        z.put(slope)
        z.unload(gradient)


class _ByClass:
    """Scores (..., K, B), shifted, with the place of each row's label in them."""

    def __init__(self, memory: Memory, shape: Shape) -> None:
        xp = self._xp = memory.xp
        *lead, rows, classes = shape
        self.by_class = memory.empty((*lead, classes, rows))
        self._by_row = self.by_class.mT
        self._flat = self.by_class.reshape(-1)
        self._ones = memory.ones((classes,))
        largest = memory.empty((*lead, 1, rows))
        self._largest, self._over_classes = largest, largest[..., 0, :]
        members = np.arange(math.prod(lead), dtype=np.intp).reshape((*lead, 1))
        self._first = xp.asarray(members * (classes * rows) + np.arange(rows, dtype=np.intp))
        self._rows = xp.full((), rows, np.intp)
        self._places = xp.empty((*lead, rows), np.intp)

    def load(self, scores: Array, labels: Labels) -> None:
        """Scores (..., B, K), shifted so that the largest of each row is 0; labels (..., B)."""
        xp, by_class = self._xp, self.by_class
        xp.multiply(labels, self._rows, out=self._places)
        xp.add(self._places, self._first, out=self._places)
        xp.copyto(by_class, scores.mT)
        xp.maximum.reduce(by_class, axis=-2, out=self._over_classes)
        xp.subtract(by_class, self._largest, out=by_class)

    def unload(self, gradient: Array) -> None:
        """Back to (..., B, K)."""
        self._xp.copyto(gradient, self._by_row)

    def take(self, out: Array) -> None:
        """What stands at the labels, (..., B)."""
        # "clip" is there for the speed alone: the labels are in range.
        self._flat.take(self._places, out=out, mode="clip")

    def put(self, values: Array) -> None:
        """Set what stands at the labels, (..., B)."""
        self._flat[self._places] = values

    def sum(self, out: Array) -> None:
        """Over the classes, (..., B)."""
        if out.ndim == 1:
            self._xp.dot(self._ones, self.by_class, out=out)
        else:
            self._xp.matmul(self._ones, self.by_class, out=out)
