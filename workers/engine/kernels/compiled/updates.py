"""The steps of the optimisers that have compiled loops: one pass over the vectors each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.engine.kernels.compiled.descent import adam, decay, descend, descend_with_momentum

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Coefficients, UpdateFactory, UpdateVectors
    from workers.engine.spec import AdamSpec, AdamWSpec, SgdSpec
    from workers.engine.tensors import Array, Memory


class Sgd:
    """Momentum and Nesterov's look-ahead where there is any. Coefficients: rate."""

    def __init__(self, spec: SgdSpec, memory: Memory, vectors: UpdateVectors) -> None:  # noqa: ARG002
        self._momentum = spec.momentum
        self._nesterov = spec.nesterov
        # Without momentum there is no buffer, and the gradient stands in for it unread.
        buffer = vectors.slots.get("velocity", vectors.gradient)
        self._members = _by_member(vectors.parameters, vectors.gradient, buffer)

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        for member, (w, g, b) in enumerate(self._members):
            (rate,) = _numbers(coefficients, member)
            if self._momentum > 0.0:
                descend_with_momentum(w, g, b, rate, self._momentum, self._nesterov)
            else:
                descend(w, g, rate)


class Adam:
    """Adam, for AdamW after a decay of the weights. Coefficients: rate, epsilon[, decay]."""

    def __init__(self, spec: AdamSpec | AdamWSpec, memory: Memory, vectors: UpdateVectors) -> None:  # noqa: ARG002
        self._betas = (spec.beta1, spec.beta2)
        self._n_decayed = vectors.n_decayed
        slots = vectors.slots
        self._members = _by_member(vectors.parameters, vectors.gradient, slots["m"], slots["v"])

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        for member, (w, g, m, v) in enumerate(self._members):
            rate, epsilon, *keep = _numbers(coefficients, member)
            if keep:
                decay(w[: self._n_decayed], keep[0])
            adam(w, g, m, v, self._betas, rate, epsilon)


UPDATES: dict[str, UpdateFactory] = {"sgd": Sgd, "adam": Adam, "adamw": Adam}


def _by_member(parameters: Array, gradient: Array, *slots: Array) -> list[tuple[Array, ...]]:
    """The vectors of each member of a stack, all as long as its gradient."""
    size = gradient.shape[-1]
    return [
        (parameters[member][:size], gradient[member], *(slot[member] for slot in slots))
        for member in np.ndindex(gradient.shape[:-1])
    ]


def _numbers(coefficients: Coefficients, member: int) -> list[float]:
    """A member's own, where they are columns (K, 1)."""
    return [float(n if np.ndim(n) == 0 else n[member, 0]) for n in coefficients]
