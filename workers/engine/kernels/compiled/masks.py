"""Dropout masks with the bits of `engine/philox.py`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

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
        self._size = math.prod(shape[-2:])
        self._bytes = self._size * memory.dtype.itemsize
        self._seeds = seeds
        self._layer = layer
        self._rate = rate
        self._mask = Address()

    def __call__(self, batch: int, mask: Array) -> None:
        """As the contract says."""
        address = self._mask(mask)
        for seed in self._seeds:
            self._fill(self._size, address, self._rate, seed, batch, self._layer)
            address += self._bytes
