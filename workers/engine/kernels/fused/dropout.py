"""Dropout's masks by Philox4x32-10 on the device: the bits of `engine/philox.py`.

A thread computes the whole block of four words for its one element: the arithmetic is nothing
beside the writing of the mask.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine import philox
from workers.engine.kernels.fused.elementwise import Elementwise

if TYPE_CHECKING:
    from workers.engine.kernels.contract import MaskFactory
    from workers.engine.kernels.fused.elementwise import Compile
    from workers.engine.tensors import Array, Memory, Shape

_WORD = 2**32 - 1


def _body() -> str:
    lines = [
        "const long long e = i % elements;",
        "unsigned int c0 = e / 4;",
        "unsigned int c1 = batch_low;",
        "unsigned int c2 = batch_high;",
        "unsigned int c3 = stream;",
        "unsigned int k0 = key_low;",
        "unsigned int k1 = key_high;",
    ]
    for n in range(philox.ROUNDS):
        m0, m1 = (f"{multiplier:#x}u" for multiplier in philox.MULTIPLIERS)
        lines += [
            f"const unsigned int high0_{n} = __umulhi({m0}, c0);",
            f"const unsigned int low0_{n} = {m0} * c0;",
            f"const unsigned int high1_{n} = __umulhi({m1}, c2);",
            f"const unsigned int low1_{n} = {m1} * c2;",
            f"c0 = high1_{n} ^ c1 ^ k0;",
            f"c1 = low1_{n};",
            f"c2 = high0_{n} ^ c3 ^ k1;",
            f"c3 = low0_{n};",
            f"k0 = k0 + {philox.KEY_STEPS[0]:#x}u;",
            f"k1 = k1 + {philox.KEY_STEPS[1]:#x}u;",
        ]
    lines += [
        "const unsigned int word = e % 4 == 0 ? c0 : e % 4 == 1 ? c1 : e % 4 == 2 ? c2 : c3;",
        "mask = word >= dropped ? scale : T(0);",
    ]
    return "\n".join(lines)


MASK = Elementwise(
    "dropout_mask",
    "uint32 key_low, uint32 key_high, uint32 batch_low, uint32 batch_high, uint32 stream, "
    "int64 elements, int64 dropped, T scale",
    "T mask",
    _body(),
)


class Mask:
    """The masks of one dropout layer for batches of one shape, (B, O) or (K, B, O)."""

    def __init__(
        self,
        launch: Any,
        to_device: Any,
        shape: Shape,
        seeds: tuple[int, ...],
        stream: int,
        rate: float,
    ) -> None:
        halves = np.array([(seed & _WORD, seed >> 32) for seed in seeds], np.uint32)
        # Of several members, arrays (K, 1, 1); of one, numbers that travel with the launch.
        self._keys = (
            [to_device(half.reshape(-1, 1, 1).copy()) for half in halves.T]
            if len(shape) > 2
            else list(halves[0])
        )
        self._launch = launch
        self._stream = np.uint32(stream)
        self._elements = np.int64(math.prod(shape[-2:]))
        self._dropped = np.int64(philox.threshold(rate))
        self._scale = 1.0 / (1.0 - rate)

    def __call__(self, batch: int, mask: Array) -> None:
        """Set `mask` to 1 / (1 - rate) where an element is kept, else to 0."""
        self._launch(
            *self._keys,
            np.uint32(batch & _WORD),
            np.uint32(batch >> 32),
            self._stream,
            self._elements,
            self._dropped,
            self._scale,
            mask,
        )


def factory(compiled: Compile, to_device: Any) -> MaskFactory:
    """The kernel with one compiler."""

    def on_shape(
        _memory: Memory, shape: Shape, seeds: tuple[int, ...], layer: int, rate: float
    ) -> Mask:
        return Mask(compiled(MASK), to_device, shape, seeds, layer + 1, rate)

    return on_shape
