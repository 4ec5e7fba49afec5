"""Named tensors that lie one behind the other in one flat vector.

An optimiser is then one pass over one array, whatever the layers; so is a copy, a check, a digest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.engine.backend import DType

Array = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]
Shape = tuple[int, ...]
Views = dict[str, Array]


class BatchRows(NamedTuple):
    """The rows of a batch, and of how many (a divisor) every product has the bits.

    A BLAS may add in another order for another number of rows: with fewer than the total, products
    are taken on so many rows at a time, or on more that are known to give the same bits.
    """

    total: int
    per_product: int


class Memory(NamedTuple):
    """Where arrays are taken: the array module (NumPy, or one like it) and the dtype of a run."""

    xp: Any
    dtype: DType

    def empty(self, shape: Shape) -> Array:
        """Unset numbers."""
        return cast("Array", self.xp.empty(shape, self.dtype))

    def zeros(self, shape: Shape) -> Array:
        """All 0."""
        return cast("Array", self.xp.zeros(shape, self.dtype))

    def ones(self, shape: Shape) -> Array:
        """All 1."""
        return cast("Array", self.xp.ones(shape, self.dtype))

    def constant(self, value: float) -> Array:
        """A number as an array (): half the cost of a Python float in a product with an array."""
        return cast("Array", self.xp.full((), value, self.dtype))

    def take_rows(self, source: Array, rows: Labels, out: Array) -> None:
        """Write the `rows` of `source` (M, ...), of any axes, to `out` (*axes, ...), contiguous.

        NumPy checks indices by way of a copy of `out` unless told to clip; others do not.
        """
        if self.xp is np:
            np.take(source, rows, axis=0, out=out, mode="clip")
        else:
            self.xp.take(source, rows, axis=0, out=out)


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
        """Each tensor as a view of `flat` (..., size): contiguous but for the axes before.

        It is written through. Axes before the last are those of stacked members.
        """
        if flat.shape[-1:] != (self.size,) or not flat.flags.c_contiguous:
            message = f"expected a contiguous vector of {self.size} numbers, got {flat.shape}"
            raise ValueError(message)
        lead = flat.shape[:-1]
        return {
            name: flat[..., self._places[name]].reshape((*lead, *shape))
            for name, shape in self.shapes.items()
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
