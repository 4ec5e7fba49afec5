"""Random numbers that every version of NumPy draws alike, so that reference vectors stay small.

NumPy keeps the raw stream of a bit generator for ever, but not what its distributions make of it.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Shape = tuple[int, ...]


class Draws:
    """The numbers of one case: a function of its seed and its name alone."""

    def __init__(self, seed: int, name: str) -> None:
        self._stream = np.random.Philox(key=[seed, zlib.crc32(name.encode())])

    def uniform(self, shape: Shape) -> NDArray[np.float64]:
        """In [0, 1), with 53 random bits."""
        raw = np.asarray(self._stream.random_raw(int(np.prod(shape))), np.uint64)
        return (raw >> np.uint64(11)).astype(np.float64).reshape(shape) * 2.0**-53

    def normal(self, shape: Shape, spread: float = 1.0) -> NDArray[np.float64]:
        """About normal (a sum of four uniform numbers), with standard deviation `spread`."""
        total = self.uniform(shape)
        for _ in range(3):
            total = total + self.uniform(shape)
        return (total - 2.0) * (spread * math.sqrt(3.0))

    def integers(self, below: int, shape: Shape) -> NDArray[Any]:
        """Whole numbers in [0, below)."""
        return np.asarray(self.uniform(shape) * below, np.intp)
