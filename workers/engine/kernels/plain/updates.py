"""Steps of the gradient descents on flat vectors, in NumPy, in pieces that stay in the cache.

What is the same for all elements of a step comes in as coefficients (`optimizers.coefficients`);
mean gradients and squares are kept as sums, M = m / (1 - beta), one pass less over the memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.kernels.plain.pieces import Numbers, cut, scratch

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Coefficients, UpdateVectors
    from workers.engine.spec import AdamSpec, AdamWSpec, NadamSpec, SgdSpec
    from workers.engine.tensors import Array, Memory


class Sgd:
    """Momentum: b = mu b + g, then w -= rate b; Nesterov looks ahead: w -= rate (g + mu b).

    Sutskever et al. 2013, with the learning rate outside the buffer; the first b is g. Without
    momentum w -= rate g. Coefficients: rate.
    """

    def __init__(self, spec: SgdSpec, memory: Memory, vectors: UpdateVectors) -> None:
        self._xp = memory.xp
        self._numbers = Numbers(memory, vectors, 1)
        self._mu = memory.constant(spec.momentum)
        self._nesterov = spec.nesterov
        self._has_buffer = spec.momentum > 0.0
        # Without momentum nothing is read from the buffer: the gradient stands in for it.
        buffer = vectors.slots["velocity"] if self._has_buffer else vectors.gradient
        self._pieces = cut(
            vectors.parameters, vectors.gradient, buffer, scratch(memory, vectors.gradient)
        )

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        xp, mu = self._xp, self._mu
        (rate,) = self._numbers(coefficients)
        for w, g, b, t in self._pieces:
            if self._has_buffer:
                xp.multiply(b, mu, out=b)
                xp.add(b, g, out=b)
            if self._nesterov and self._has_buffer:
                xp.multiply(b, mu, out=t)
                xp.add(t, g, out=t)
                xp.multiply(t, rate, out=t)
            else:
                xp.multiply(b, rate, out=t)
            xp.subtract(w, t, out=w)


class Adam:
    """Adam: M = beta1 M + g, V = beta2 V + g^2, then w -= rate M / (sqrt(V) + epsilon).

    Kingma and Ba (2015). Coefficients: rate, epsilon.
    """

    def __init__(self, spec: AdamSpec | AdamWSpec, memory: Memory, vectors: UpdateVectors) -> None:
        self._xp = memory.xp
        self._numbers = Numbers(memory, vectors, 2)
        self._beta1, self._beta2 = memory.constant(spec.beta1), memory.constant(spec.beta2)
        m, v = vectors.slots["m"], vectors.slots["v"]
        t = scratch(memory, vectors.gradient)
        self.pieces = cut(vectors.parameters, vectors.gradient, m, v, t)

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        rate, epsilon = self._numbers(coefficients)
        move = self.move
        for piece in self.pieces:
            move(piece, rate, epsilon)

    def move(self, piece: tuple[Array, ...], rate: Array, epsilon: Array) -> None:
        """The step on one piece."""
        xp, beta1, beta2 = self._xp, self._beta1, self._beta2
        w, g, m, v, t = piece
        xp.multiply(m, beta1, out=m)
        xp.add(m, g, out=m)
        xp.multiply(g, g, out=t)
        xp.multiply(v, beta2, out=v)
        xp.add(v, t, out=v)
        xp.sqrt(v, out=t)
        xp.add(t, epsilon, out=t)
        xp.divide(m, t, out=t)
        xp.multiply(t, rate, out=t)
        xp.subtract(w, t, out=w)


class AdamW:
    """Adam after w *= decay, on weights alone (Loshchilov and Hutter 2019).

    Coefficients: rate, epsilon, decay = 1 - learning rate x weight_decay.
    """

    def __init__(self, spec: AdamWSpec, memory: Memory, vectors: UpdateVectors) -> None:
        self._xp = memory.xp
        self._numbers = Numbers(memory, vectors, 3)
        self._adam = Adam(spec, memory, vectors)
        decayed, start = [], 0
        for w, *_ in self._adam.pieces:
            decayed.append(w[..., : max(0, vectors.n_decayed - start)])
            start += w.shape[-1]
        self._pieces = list(zip(self._adam.pieces, decayed, strict=True))

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        rate, epsilon, decay = self._numbers(coefficients)
        for piece, decayed in self._pieces:
            self._xp.multiply(decayed, decay, out=decayed)
            self._adam.move(piece, rate, epsilon)


class Nadam:
    """M and V as Adam; w -= (rate_m M + rate_g g) / (sqrt(V) + epsilon) (Dozat 2016).

    Coefficients: rate_m, rate_g, epsilon.
    """

    def __init__(self, spec: NadamSpec, memory: Memory, vectors: UpdateVectors) -> None:
        self._xp = memory.xp
        self._numbers = Numbers(memory, vectors, 3)
        self._beta1, self._beta2 = memory.constant(spec.beta1), memory.constant(spec.beta2)
        m, v = vectors.slots["m"], vectors.slots["v"]
        t, s = scratch(memory, vectors.gradient), scratch(memory, vectors.gradient)
        self._pieces = cut(vectors.parameters, vectors.gradient, m, v, t, s)

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        xp, beta1, beta2 = self._xp, self._beta1, self._beta2
        rate_m, rate_g, epsilon = self._numbers(coefficients)
        for w, g, m, v, t, s in self._pieces:
            xp.multiply(m, beta1, out=m)
            xp.add(m, g, out=m)
            xp.multiply(g, g, out=t)
            xp.multiply(v, beta2, out=v)
            xp.add(v, t, out=v)
            xp.sqrt(v, out=t)
            xp.add(t, epsilon, out=t)
            xp.multiply(g, rate_g, out=s)
            xp.divide(s, t, out=s)
            xp.subtract(w, s, out=w)
            xp.multiply(m, rate_m, out=s)
            xp.divide(s, t, out=s)
            xp.subtract(w, s, out=w)
