"""Losses on logits of {0, 1} targets with their gradients, in NumPy; s(z) is the sigmoid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.kernels.plain.sums import ElementMean

if TYPE_CHECKING:
    from workers.engine.spec import BinaryCrossEntropySpec, FocalSpec
    from workers.engine.tensors import Array, Memory, Shape


class BinaryCrossEntropy:
    """L = mean of max(z, 0) - z t + log(1 + exp(-|z|)); dL/dz = (s(z) - t) / n.

    This form never takes the logarithm of a rounded 0, and overflows at no logit.
    """

    def __init__(self, spec: BinaryCrossEntropySpec, memory: Memory, shape: Shape) -> None:
        self._xp = memory.xp
        self._mean = ElementMean(memory, shape)
        self._zeros = memory.zeros(shape)
        self._one = memory.constant(1.0)
        self._smoothing = _Smoothing(spec.label_smoothing, memory, shape)

    def __call__(
        self, scores: Array, targets: Array, weights: Array | None, gradient: Array, value: Array
    ) -> None:
        """Targets (..., B, K) in [0, 1]."""
        xp, terms, one = self._xp, self._mean.terms, self._one
        targets = self._smoothing(targets)
        # The small logarithm last: added to a large score first, it would lose its digits.
        xp.maximum(scores, self._zeros, out=gradient)
        xp.multiply(scores, targets, out=terms)
        xp.subtract(gradient, terms, out=gradient)
        xp.abs(scores, out=terms)
        xp.negative(terms, out=terms)
        xp.exp(terms, out=terms)
        xp.log1p(terms, out=terms)
        xp.add(gradient, terms, out=terms)
        # Where exp(-z) overflows, 1 / inf is the right answer: 0.
        xp.negative(scores, out=gradient)
        xp.exp(gradient, out=gradient)
        xp.add(gradient, one, out=gradient)
        xp.divide(one, gradient, out=gradient)
        xp.subtract(gradient, targets, out=gradient)
        self._mean(weights, gradient, value)


class _Smoothing:
    """Targets t to (1 - e) t + e / 2: a part e of the certainty given to both classes alike."""

    def __init__(self, smoothing: float, memory: Memory, shape: Shape) -> None:
        self._xp = memory.xp
        self._is_on = smoothing > 0.0
        self._kept = memory.constant(1.0 - smoothing)
        self._given = memory.constant(smoothing / 2.0)
        self._targets = memory.empty(shape if self._is_on else (0,))

    def __call__(self, targets: Array) -> Array:
        """Targets to smoothed targets, valid until the next call."""
        if not self._is_on:
            return targets
        self._xp.multiply(targets, self._kept, out=self._targets)
        self._xp.add(self._targets, self._given, out=self._targets)
        return self._targets


class BinaryFocal:
    """L = mean of -q^gamma log p, p = s(u) the true class's probability, q = 1 - p = s(-u).

    With u = z where t is 1 and -z where it is 0: dL/du = (gamma q^gamma p log p - q^(gamma + 1))
    / n. Both p and q are computed as sigmoids, so that neither is a difference of rounded numbers;
    log p = -log(1 + exp(-u)).
    """

    def __init__(self, spec: FocalSpec, memory: Memory, shape: Shape) -> None:
        self._xp = memory.xp
        self._mean = ElementMean(memory, shape)
        self._zeros = memory.zeros(shape)
        self._one = memory.constant(1.0)
        self._gamma = memory.constant(spec.gamma)
        self._sign, self._u, self._p, self._q = (memory.empty(shape) for _ in range(4))

    def __call__(
        self, scores: Array, targets: Array, weights: Array | None, gradient: Array, value: Array
    ) -> None:
        """Targets (..., B, K), each 0 or 1."""
        xp, log_p = self._xp, self._mean.terms
        sign, u, p, q = self._sign, self._u, self._p, self._q
        xp.add(targets, targets, out=sign)
        xp.subtract(sign, self._one, out=sign)
        xp.multiply(scores, sign, out=u)
        self._log_sigmoid(u, p, log_p)
        self._sigmoid(u, q)
        xp.negative(u, out=u)
        self._sigmoid(u, p)
        xp.power(q, self._gamma, out=u)
        xp.multiply(p, log_p, out=gradient)
        xp.multiply(gradient, self._gamma, out=gradient)
        xp.subtract(gradient, q, out=gradient)
        xp.multiply(gradient, u, out=gradient)
        xp.multiply(gradient, sign, out=gradient)
        xp.multiply(log_p, u, out=log_p)
        xp.negative(log_p, out=log_p)
        self._mean(weights, gradient, value)

    def _sigmoid(self, negative: Array, out: Array) -> None:
        """1 / (1 + exp(x)) of `negative` x."""
        xp = self._xp
        xp.exp(negative, out=out)
        xp.add(out, self._one, out=out)
        xp.divide(self._one, out, out=out)

    def _log_sigmoid(self, u: Array, scratch: Array, out: Array) -> None:
        """min(u, 0) - log(1 + exp(-|u|))."""
        xp = self._xp
        xp.abs(u, out=scratch)
        xp.negative(scratch, out=scratch)
        xp.exp(scratch, out=scratch)
        xp.log1p(scratch, out=scratch)
        xp.minimum(u, self._zeros, out=out)
        xp.subtract(out, scratch, out=out)
