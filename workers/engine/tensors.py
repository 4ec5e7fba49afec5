"""Named tensors that lie one behind the other in one flat vector.

An optimiser is then one pass over one array, whatever the layers; so is a copy, a check, a digest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Array = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]
Shape = tuple[int, ...]
Views = dict[str, Array]


class BatchRows(NamedTuple):
    """The rows of a batch, and how many of them (a divisor) one matrix product takes at a time."""

    total: int
    per_product: int


class Layout:
    """Where each named tensor lies in the flat vector, in the order of the names."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self.shapes = dict(shapes)
        self.names = tuple(self.shapes)
        self._places: dict[str, slice] = {}
        end = 0
        for name, shape in self.shapes.items():
            start, end = end, end + math.prod(shape)
            self._places[name] = slice(start, end)
        self.size = end

    def views(self, flat: Array) -> Views:
        """Each tensor as a view of `flat` (size,): C-contiguous, and written through."""
        if flat.shape != (self.size,) or not flat.flags.c_contiguous:
            message = f"expected a contiguous vector of {self.size} numbers, got {flat.shape}"
            raise ValueError(message)
        return {
            name: flat[self._places[name]].reshape(shape) for name, shape in self.shapes.items()
        }

    def first_non_finite(self, flat: Array) -> str | None:
        """The first tensor that holds a NaN or an infinity, or None."""
        # A finite sum of squares proves every element finite at a quarter of the cost of isfinite;
        # a sum that overflowed proves nothing, so then every tensor is looked at.
        with np.errstate(over="ignore", invalid="ignore"):
            squares = float(np.dot(flat, flat))
        if math.isfinite(squares):
            return None
        for name, tensor in self.views(flat).items():
            if not np.isfinite(tensor).all():
                return name
        return None
