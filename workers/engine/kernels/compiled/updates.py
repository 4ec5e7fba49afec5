"""The steps of the optimisers that have compiled loops: one pass over the vectors each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.engine.kernels.native.library import kernel

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Coefficients, UpdateFactory, UpdateVectors
    from workers.engine.spec import AdamSpec, AdamWSpec, SgdSpec
    from workers.engine.tensors import Array, Memory


class Sgd:
    """Momentum and Nesterov's look-ahead where there is any. Coefficients: rate."""

    def __init__(self, spec: SgdSpec, memory: Memory, vectors: UpdateVectors) -> None:
        self._vectors = vectors
        self._descend = kernel("descend", memory.dtype)
        self._descend_with_momentum = kernel("descend_with_momentum", memory.dtype)
        self._momentum = spec.momentum
        self._nesterov = spec.nesterov
        # Without momentum there is no buffer, and the gradient stands in for it unread.
        buffer = vectors.slots.get("velocity", vectors.gradient)
        self._size = vectors.gradient.shape[-1]
        self._members = _addresses(vectors.parameters, vectors.gradient, buffer)

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        for member, (w, g, b) in enumerate(self._members):
            (rate,) = _numbers(coefficients, member)
            if self._momentum > 0.0:
                numbers = (rate, self._momentum, self._nesterov)
                self._descend_with_momentum(self._size, w, g, b, *numbers)
            else:
                self._descend(self._size, w, g, rate)


class Adam:
    """Adam, for AdamW after a decay of the weights. Coefficients: rate, epsilon[, decay]."""

    def __init__(self, spec: AdamSpec | AdamWSpec, memory: Memory, vectors: UpdateVectors) -> None:
        self._vectors = vectors
        self._adam = kernel("adam", memory.dtype)
        self._decay = kernel("decay", memory.dtype)
        self._betas = (spec.beta1, spec.beta2)
        self._n_decayed = vectors.n_decayed
        slots = vectors.slots
        self._size = vectors.gradient.shape[-1]
        self._members = _addresses(vectors.parameters, vectors.gradient, slots["m"], slots["v"])

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        for member, (w, g, m, v) in enumerate(self._members):
            rate, epsilon, *keep = _numbers(coefficients, member)
            if keep:
                self._decay(self._n_decayed, w, keep[0])
            self._adam(self._size, w, g, m, v, *self._betas, rate, epsilon)


UPDATES: dict[str, UpdateFactory] = {"sgd": Sgd, "adam": Adam, "adamw": Adam}


def _addresses(*vectors: Array) -> list[tuple[int, ...]]:
    """Where the vectors (..., P) of each member of a stack begin; contiguous along P."""
    lead = vectors[0].shape[:-1]
    return [tuple(vector[member].ctypes.data for vector in vectors) for member in np.ndindex(lead)]


def _numbers(coefficients: Coefficients, member: int) -> list[float]:
    """A member's own, where they are columns (K, 1)."""
    return [float(n if np.ndim(n) == 0 else n[member, 0]) for n in coefficients]
