"""Steps of the optimisers on flat vectors, in NumPy, in pieces that stay in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workers.engine.tensors import Array

PIECE = 16_384
"""Elements per piece: five arrays of float32 are 320 kB, a part of a usual level-2 cache."""


class Sgd:
    """Plain descent: w -= rate g."""

    def __init__(self, parameters: Array, gradient: Array) -> None:
        self._rate = np.zeros((), parameters.dtype)
        self._pieces = _pieces(parameters, gradient)

    def __call__(self, rate: float) -> None:
        """One step; the gradient is overwritten."""
        self._rate[...] = rate
        for w, g in self._pieces:
            np.multiply(g, self._rate, out=g)
            np.subtract(w, g, out=w)


class Momentum:
    """Momentum: b = mu b + g, then w -= rate b; Nesterov looks ahead: w -= rate (g + mu b).

    Sutskever et al. 2013, with the learning rate outside the buffer; the first b is g.
    """

    def __init__(
        self, parameters: Array, gradient: Array, velocity: Array, mu: float, nesterov: bool
    ) -> None:
        self._rate = np.zeros((), parameters.dtype)
        self._mu = np.array(mu, parameters.dtype)
        self._nesterov = nesterov
        self._pieces = _pieces(parameters, gradient, velocity, _scratch(parameters))

    def __call__(self, rate: float) -> None:
        """One step; the gradient is left as it is."""
        self._rate[...] = rate
        mu = self._mu
        for w, g, b, t in self._pieces:
            np.multiply(b, mu, out=b)
            np.add(b, g, out=b)
            if self._nesterov:
                np.multiply(b, mu, out=t)
                np.add(t, g, out=t)
                np.multiply(t, self._rate, out=t)
            else:
                np.multiply(b, self._rate, out=t)
            np.subtract(w, t, out=w)


class Adam:
    """Adam: m = beta1 m + g, v = beta2 v + g^2, then w -= rate m / (sqrt(v) + epsilon).

    The moments are kept as sums, without the factors (1 - beta) of Kingma and Ba (2015): two
    passes less over the memory. The caller's rate and epsilon make up for it.
    """

    def __init__(
        self,
        parameters: Array,
        gradient: Array,
        moments: tuple[Array, Array],
        betas: tuple[float, float],
    ) -> None:
        self._beta1 = np.array(betas[0], parameters.dtype)
        self._beta2 = np.array(betas[1], parameters.dtype)
        self._rate = np.zeros((), parameters.dtype)
        self._epsilon = np.zeros((), parameters.dtype)
        self._pieces = _pieces(parameters, gradient, *moments, _scratch(parameters))

    def __call__(self, rate: float, epsilon: float) -> None:
        """One step; the gradient is left as it is."""
        self._rate[...] = rate
        self._epsilon[...] = epsilon
        for w, g, m, v, t in self._pieces:
            np.multiply(m, self._beta1, out=m)
            np.add(m, g, out=m)
            np.multiply(g, g, out=t)
            np.multiply(v, self._beta2, out=v)
            np.add(v, t, out=v)
            np.sqrt(v, out=t)
            np.add(t, self._epsilon, out=t)
            np.divide(m, t, out=t)
            np.multiply(t, self._rate, out=t)
            np.subtract(w, t, out=w)


def _scratch(parameters: Array) -> Array:
    return np.empty(min(PIECE, parameters.size), parameters.dtype)


def _pieces(*arrays: Array) -> list[tuple[Array, ...]]:
    """Matching pieces of vectors; one that is no longer than a piece serves all of them again."""
    size = arrays[0].size
    pieces = []
    for start in range(0, size, PIECE):
        length = min(PIECE, size - start)
        pieces.append(
            tuple(a[start : start + length] if a.size == size else a[:length] for a in arrays)
        )
    return pieces
