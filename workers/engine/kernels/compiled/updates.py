"""The steps of the optimisers that have compiled loops: one pass over the vectors each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from workers.engine.kernels.native.library import kernel

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Coefficients, UpdateFactory, UpdateVectors
    from workers.engine.spec import AdamSpec, AdamWSpec, SgdSpec
    from workers.engine.tensors import Array, Memory


class _Members:
    """The vectors of all members, contiguous along P, and their numbers of a step (members, n)."""

    def __init__(self, vectors: tuple[Array, ...], n_numbers: int) -> None:
        lead = vectors[0].shape[:-1]
        self.count = math.prod(lead)
        self._table = np.array(
            [[vector[member].ctypes.data for vector in vectors] for member in np.ndindex(lead)],
            np.int64,
        )
        self._numbers = np.ones((self.count, n_numbers))
        self.addresses = self._table.ctypes.data, self._numbers.ctypes.data
        self._columns = [self._numbers[:, n : n + 1] for n in range(n_numbers)]

    def set_numbers(self, coefficients: Coefficients) -> None:
        """Each a number, or a column (K, 1) of the members' own."""
        for column, coefficient in zip(self._columns, coefficients, strict=False):
            column[...] = coefficient


class Sgd:
    """Momentum and Nesterov's look-ahead where there is any. Coefficients: rate."""

    def __init__(self, spec: SgdSpec, memory: Memory, vectors: UpdateVectors) -> None:
        self._vectors = vectors
        self._descend = kernel("descend", memory.dtype)
        # Without momentum there is no buffer, and the gradient stands in for it unread.
        buffer = vectors.slots.get("velocity", vectors.gradient)
        self._members = _Members((vectors.parameters, vectors.gradient, buffer), 1)
        self._shape = self._members.count, vectors.gradient.shape[-1]
        self._momentum = spec.momentum, int(spec.nesterov)

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        self._members.set_numbers(coefficients)
        self._descend(*self._shape, *self._members.addresses, *self._momentum)


class Adam:
    """Adam, for AdamW after a decay of the weights. Coefficients: rate, epsilon[, decay]."""

    def __init__(self, spec: AdamSpec | AdamWSpec, memory: Memory, vectors: UpdateVectors) -> None:
        self._vectors = vectors
        self._adam = kernel("adam", memory.dtype)
        slots = vectors.slots
        of_member = vectors.parameters, vectors.gradient, slots["m"], slots["v"]
        self._members = _Members(of_member, 3)
        self._shape = self._members.count, vectors.gradient.shape[-1], vectors.n_decayed
        self._betas = (spec.beta1, spec.beta2)

    def __call__(self, coefficients: Coefficients) -> None:
        """One step; the gradient is left as it is."""
        self._members.set_numbers(coefficients)
        self._adam(*self._shape, *self._members.addresses, *self._betas)


UPDATES: dict[str, UpdateFactory] = {"sgd": Sgd, "adam": Adam, "adamw": Adam}
