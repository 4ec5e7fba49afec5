"""Flat vectors in pieces, so that the many passes of a step find their numbers in the cache."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Coefficients, UpdateVectors
    from workers.engine.tensors import Array, Memory, Shape

PIECE = 16_384
"""Elements per piece: five arrays of float32 are 320 kB, a part of a usual level-2 cache."""


def cut(first: Array, second: Array, *others: Array) -> list[tuple[Array, ...]]:
    """Matching pieces of vectors: of the first n elements of each, n those of `second` (..., n).

    A vector no longer than a piece serves all pieces again: it is scratch.
    """
    size, length = second.shape[-1], _length(second.shape)
    pieces = []
    for start in range(0, size, length):
        end = min(start + length, size)
        pieces.append(
            tuple(
                array[..., start:end] if array.shape[-1] >= size else array[..., : end - start]
                for array in (first, second, *others)
            )
        )
    return pieces


def scratch(memory: Memory, like: Array) -> Array:
    """Memory for one piece of vectors like this one (..., n)."""
    *lead, size = like.shape
    return memory.empty((*lead, min(_length(like.shape), size)))


class Numbers:
    """Coefficients as arrays: half the cost of Python floats, and a column for stacked members."""

    def __init__(self, memory: Memory, vectors: UpdateVectors, count: int) -> None:
        lead = vectors.gradient.shape[:-1]
        shape = (*lead, 1) if lead else ()
        self._arrays = tuple(memory.zeros(shape) for _ in range(count))

    def __call__(self, coefficients: Coefficients) -> tuple[Array, ...]:
        """The same numbers, rounded to the precision of the run."""
        for array, number in zip(self._arrays, coefficients, strict=True):
            array[...] = number
        return self._arrays


def _length(shape: Shape) -> int:
    return max(1, PIECE // math.prod(shape[:-1]))
