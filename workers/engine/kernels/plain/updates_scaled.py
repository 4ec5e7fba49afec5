"""Steps that scale each gradient by those before, in NumPy, in pieces that stay in the cache.

Mean squares are kept as sums, V = v / (1 - alpha), one pass less over the memory; the coefficients
(`optimizers.coefficients`) make up for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.kernels.plain.pieces import Numbers, cut, scratch

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Coefficients, UpdateVectors
    from workers.engine.spec import AdadeltaSpec, AdagradSpec, AdamaxSpec, RmspropSpec
    from workers.engine.tensors import Memory


class Rmsprop:
    """V = alpha V + g^2; b = mu b + g / (sqrt(V) + epsilon); w -= rate b.

    Centered: sqrt(V - (1 - alpha) A^2) with A = alpha A + g. Tieleman and Hinton 2012; Graves 2013.
    Coefficients: rate, epsilon.
    """

    def __init__(self, spec: RmspropSpec, memory: Memory, vectors: UpdateVectors) -> None:
        self._xp = memory.xp
        self._numbers = Numbers(memory, vectors, 2)
        self._alpha, self._mu = memory.constant(spec.alpha), memory.constant(spec.momentum)
        self._rest = memory.constant(1.0 - spec.alpha)
        self._zero = memory.constant(0.0)
        slots, gradient = vectors.slots, vectors.gradient
        self._has_mean, self._has_buffer = "a" in slots, "velocity" in slots
        # Slots that this form does not have are neither read nor written: the gradient stands in.
        a, b = slots.get("a", gradient), slots.get("velocity", gradient)
        t = scratch(memory, vectors.gradient)
        self._pieces = cut(vectors.parameters, gradient, slots["v"], a, b, t)

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        xp, alpha = self._xp, self._alpha
        rate, epsilon = self._numbers(coefficients)
        for w, g, v, a, b, t in self._pieces:
            xp.multiply(g, g, out=t)
            xp.multiply(v, alpha, out=v)
            xp.add(v, t, out=v)
            if self._has_mean:
                xp.multiply(a, alpha, out=a)
                xp.add(a, g, out=a)
                xp.multiply(a, a, out=t)
                xp.multiply(t, self._rest, out=t)
                xp.subtract(v, t, out=t)
                # A variance is never negative, but a difference of rounded numbers may be.
                xp.maximum(t, self._zero, out=t)
                xp.sqrt(t, out=t)
            else:
                xp.sqrt(v, out=t)
            xp.add(t, epsilon, out=t)
            xp.divide(g, t, out=t)
            if self._has_buffer:
                xp.multiply(b, self._mu, out=b)
                xp.add(b, t, out=b)
                xp.multiply(b, rate, out=t)
            else:
                xp.multiply(t, rate, out=t)
            xp.subtract(w, t, out=w)


class Adagrad:
    """V = V + g^2; w -= rate g / (sqrt(V) + epsilon) (Duchi et al. 2011). Coefficients: rate."""

    def __init__(self, spec: AdagradSpec, memory: Memory, vectors: UpdateVectors) -> None:
        self._xp = memory.xp
        self._numbers = Numbers(memory, vectors, 1)
        self._epsilon = memory.constant(spec.epsilon)
        t = scratch(memory, vectors.gradient)
        self._pieces = cut(vectors.parameters, vectors.gradient, vectors.slots["v"], t)

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        xp = self._xp
        (rate,) = self._numbers(coefficients)
        for w, g, v, t in self._pieces:
            xp.multiply(g, g, out=t)
            xp.add(v, t, out=v)
            xp.sqrt(v, out=t)
            xp.add(t, self._epsilon, out=t)
            xp.divide(g, t, out=t)
            xp.multiply(t, rate, out=t)
            xp.subtract(w, t, out=w)


class Adadelta:
    """V = rho V + g^2; d = g sqrt(U + epsilon) / sqrt(V + epsilon); U = rho U + d^2; w -= rate d.

    Zeiler 2012. Coefficients: rate, epsilon.
    """

    def __init__(self, spec: AdadeltaSpec, memory: Memory, vectors: UpdateVectors) -> None:
        self._xp = memory.xp
        self._numbers = Numbers(memory, vectors, 2)
        self._rho = memory.constant(spec.rho)
        slots = vectors.slots
        t, d = scratch(memory, vectors.gradient), scratch(memory, vectors.gradient)
        self._pieces = cut(vectors.parameters, vectors.gradient, slots["v"], slots["u"], t, d)

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        xp, rho = self._xp, self._rho
        rate, epsilon = self._numbers(coefficients)
        for w, g, v, u, t, d in self._pieces:
            xp.multiply(g, g, out=t)
            xp.multiply(v, rho, out=v)
            xp.add(v, t, out=v)
            xp.add(v, epsilon, out=t)
            xp.add(u, epsilon, out=d)
            xp.divide(d, t, out=d)
            xp.sqrt(d, out=d)
            xp.multiply(d, g, out=d)
            xp.multiply(d, d, out=t)
            xp.multiply(u, rho, out=u)
            xp.add(u, t, out=u)
            xp.multiply(d, rate, out=d)
            xp.subtract(w, d, out=w)


class Adamax:
    """M = beta1 M + g; u = max(beta2 u, |g| + epsilon); w -= rate M / u.

    Kingma and Ba 2015, 7.1. Coefficients: rate.
    """

    def __init__(self, spec: AdamaxSpec, memory: Memory, vectors: UpdateVectors) -> None:
        self._xp = memory.xp
        self._numbers = Numbers(memory, vectors, 1)
        self._beta1, self._beta2 = memory.constant(spec.beta1), memory.constant(spec.beta2)
        self._epsilon = memory.constant(spec.epsilon)
        m, u = vectors.slots["m"], vectors.slots["u"]
        t = scratch(memory, vectors.gradient)
        self._pieces = cut(vectors.parameters, vectors.gradient, m, u, t)

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        xp = self._xp
        (rate,) = self._numbers(coefficients)
        for w, g, m, u, t in self._pieces:
            xp.multiply(m, self._beta1, out=m)
            xp.add(m, g, out=m)
            xp.abs(g, out=t)
            xp.add(t, self._epsilon, out=t)
            xp.multiply(u, self._beta2, out=u)
            xp.maximum(u, t, out=u)
            xp.divide(m, u, out=t)
            xp.multiply(t, rate, out=t)
            xp.subtract(w, t, out=w)
