"""Dropout in a chunk: a masked copy of what goes into a layer, in a place of its own."""

from __future__ import annotations

from typing import Any

from workers.engine.kernels.program import DROPOUT, DROPPED, MASK
from workers.engine.kernels.source.jit import inlined, matrix, vector
from workers.engine.kernels.source.masks import fill_mask


@inlined
def drop(layer: Any, a: Any, memory: Any, draw: Any) -> Any:
    """Return a (B, O) with values dropped, in the layer's own place; the mask is kept.

    draw: rates (D,), seed, and the number of the step.
    """
    rates, seed, step = draw
    rows, columns = a.shape
    place = layer[DROPOUT]
    mask = vector(memory, layer[MASK], rows * columns)
    fill_mask(mask, rates[place], seed, step, place)
    dropped = matrix(memory, layer[DROPPED], rows, columns)
    for r in range(rows):
        for j in range(columns):
            dropped[r, j] = a[r, j] * mask[r * columns + j]
    return dropped
