"""Losses on logits of class labels: reductions of the array module between fused passes.

Every row is shifted by its largest score, which changes nothing but the range (Goodfellow et al.
2016, 4.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.engine.kernels.fused.elementwise import Elementwise
from workers.engine.kernels.fused.losses import Shares
from workers.engine.kernels.fused.softmax import SHIFTED_EXP

if TYPE_CHECKING:
    from workers.engine.kernels.contract import LossFactory
    from workers.engine.kernels.fused.elementwise import Compile
    from workers.engine.spec import FocalSpec, SoftmaxCrossEntropySpec
    from workers.engine.tensors import Array, Labels, Memory, Shape

# Where nothing is expected nothing is lost, however far off the score.
CROSS_ENTROPY = Elementwise(
    "softmax_cross_entropy",
    "T e, T z, T largest, T sum, int64 label, int64 column, T weight, T total, T smoothing, "
    "T classes",
    "T gradient, T term",
    "const T share = weight / total;"
    "const T t = (label == column ? T(1) - smoothing : T(0)) + smoothing / classes;"
    "const T loss = t == T(0) ? T(0) : t * (log(sum) - (z - largest));"
    "const T slope = e / sum - t;"
    "gradient = slope * share; term = loss * share;",
)

AT_LABEL = Elementwise(
    "at_label",
    "T z, T largest, int64 label, int64 column",
    "T other, T at_label",
    "const T shifted = z - largest; const bool is_label = label == column;"
    "other = is_label ? T(0) : exp(shifted); at_label = is_label ? shifted : T(0);",
)
# With p the probability of the label and q that of all others, as in `kernels.plain`. Where nothing
# of the other classes is left, neither is any of the slope.
FOCAL = Elementwise(
    "softmax_focal",
    "T z, T largest, T others, T at_label, int64 label, int64 column, T weight, T total, T gamma, "
    "T least",
    "T gradient, T term",
    "const T share = weight / total;"
    "const T own = exp(at_label); const T sum = others + own;"
    "const T p = own / sum; const T q = others / sum; const T log_p = at_label - log(sum);"
    "const T power = pow(q, gamma);"
    "const T slope = (gamma * p * log_p - q) * power * share;"
    "const T part = exp(z - largest) / (others < least ? least : others);"
    "const bool is_label = label == column;"
    "gradient = is_label ? slope : -slope * part;"
    "term = is_label ? -power * log_p * share : T(0);",
)


class SoftmaxCrossEntropy:
    """L = mean of log sum_k exp(z_k) - sum_k t_k z_k; dL/dz = (softmax(z) - t) / B.

    t is 1 at the label, or with smoothing e: 1 - e + e / K there and e / K at the others.
    """

    def __init__(
        self, compiled: Compile, spec: SoftmaxCrossEntropySpec, memory: Memory, shape: Shape
    ) -> None:
        self._xp = memory.xp
        self._shifted_exp = compiled(SHIFTED_EXP)
        self._launch = compiled(CROSS_ENTROPY)
        self._numbers = (spec.label_smoothing, float(shape[-1]))
        self._largest, self._sum = (memory.empty((*shape[:-1], 1)) for _ in range(2))
        self._columns = memory.xp.arange(shape[-1])
        self._terms = memory.empty(shape)
        self._shares = Shares(memory, shape, per_row=1)

    def __call__(
        self, scores: Array, targets: Labels, weights: Array | None, gradient: Array, value: Array
    ) -> None:
        """Targets (..., B): labels in [0, K)."""
        xp, largest, total, terms = self._xp, self._largest, self._sum, self._terms
        xp.max(scores, axis=-1, out=largest, keepdims=True)
        self._shifted_exp(scores, largest, gradient)
        xp.sum(gradient, axis=-1, out=total, keepdims=True)
        places = (targets[..., None], self._columns)
        shares = self._shares(weights)
        rows = (gradient, scores, largest, total)
        self._launch(*rows, *places, *shares, *self._numbers, gradient, terms)
        xp.sum(terms, axis=(-2, -1), out=value)


class SoftmaxFocal:
    """L = mean of -q^gamma log p, p = softmax(z) at the label, q = 1 - p (Lin et al. 2017)."""

    def __init__(self, compiled: Compile, spec: FocalSpec, memory: Memory, shape: Shape) -> None:
        self._xp = memory.xp
        self._at_label = compiled(AT_LABEL)
        self._launch = compiled(FOCAL)
        self._numbers = (spec.gamma, float(np.finfo(memory.dtype).tiny))
        rows = [memory.empty((*shape[:-1], 1)) for _ in range(3)]
        self._largest, self._others, self._label_scores = rows
        self._columns = memory.xp.arange(shape[-1])
        self._terms = memory.empty(shape)
        self._shares = Shares(memory, shape, per_row=1)

    def __call__(
        self, scores: Array, targets: Labels, weights: Array | None, gradient: Array, value: Array
    ) -> None:
        """Targets (..., B): labels in [0, K)."""
        xp, terms = self._xp, self._terms
        rows = (self._largest, self._others, self._label_scores)
        places = (targets[..., None], self._columns)
        xp.max(scores, axis=-1, out=self._largest, keepdims=True)
        self._at_label(scores, self._largest, *places, gradient, terms)
        xp.sum(gradient, axis=-1, out=self._others, keepdims=True)
        xp.sum(terms, axis=-1, out=self._label_scores, keepdims=True)
        shares = self._shares(weights)
        self._launch(scores, *rows, *places, *shares, *self._numbers, gradient, terms)
        xp.sum(terms, axis=(-2, -1), out=value)


def cross_entropy(compiled: Compile) -> LossFactory:
    """The kernel with one compiler."""

    def on_shape(
        spec: SoftmaxCrossEntropySpec, memory: Memory, shape: Shape
    ) -> SoftmaxCrossEntropy:
        return SoftmaxCrossEntropy(compiled, spec, memory, shape)

    return on_shape


def focal(compiled: Compile) -> LossFactory:
    """The kernel with one compiler."""

    def on_shape(spec: FocalSpec, memory: Memory, shape: Shape) -> SoftmaxFocal:
        return SoftmaxFocal(compiled, spec, memory, shape)

    return on_shape
