"""Dropout masks with the bits of `engine/philox.py`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from workers.engine.kernels.compiled.addresses import Address
from workers.engine.kernels.native.library import kernel

if TYPE_CHECKING:
    from workers.engine.tensors import Array, Memory, Shape


class Masks:
    """The masks of one dropout layer for batches (B, O), or (K, B, O) of K seeds."""

    def __init__(
        self, memory: Memory, shape: Shape, seeds: tuple[int, ...], layer: int, rate: float
    ) -> None:
        self._fill = kernel("fill_mask", memory.dtype)
        self._shape = (len(seeds), math.prod(shape[-2:]))
        self._seeds = np.array(seeds, np.uint64)
        self._fixed = (rate, self._seeds.ctypes.data)
        self._layer = layer
        self._mask = Address()

    def __call__(self, batch: int, mask: Array) -> None:
        """As the contract says."""
        self._fill(*self._shape, self._mask(mask), *self._fixed, batch, self._layer)
