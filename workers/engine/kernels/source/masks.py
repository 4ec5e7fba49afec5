"""Dropout masks: Philox4x32-10 (Salmon et al. 2011), word for word as in `engine/philox.py`.

Key: the seed's low and high 32 bits. Counter: element // 4, the batch's low and high 32 bits, the
dropout layer's number from 1. Element e, counted row by row, takes word e % 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workers.engine.kernels.source.jit import cast, constant, inlined

_ROUNDS = 10
_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_WORD_BITS = np.uint64(32)
_WORDS = 2.0**32

_zero = constant(0.0)


@inlined
def philox(a: Any, b: Any, c: Any, d: Any, key_0: Any, key_1: Any) -> Any:
    """Four random words of 32 bits for the counter (a, b, c, d); all uint64 below 2^32."""
    for _ in range(_ROUNDS):
        product_0, product_1 = a * _MULTIPLIER_0, c * _MULTIPLIER_1
        a, b, c, d = (
            (product_1 >> _WORD_BITS) ^ b ^ key_0,
            product_1 & _LOW,
            (product_0 >> _WORD_BITS) ^ d ^ key_1,
            product_0 & _LOW,
        )
        key_0, key_1 = (key_0 + _WEYL_0) & _LOW, (key_1 + _WEYL_1) & _LOW
    return a, b, c, d


@inlined
def fill_mask(mask: Any, rate: Any, seed: Any, batch: Any, layer: Any) -> None:
    """Set mask (n,) to 0 where the random word is below rate 2^32, else 1 / (1 - rate)."""
    key_0, key_1 = np.uint64(seed) & _LOW, np.uint64(seed) >> _WORD_BITS
    low, high = np.uint64(batch) & _LOW, np.uint64(batch) >> _WORD_BITS
    limit, stream = np.uint64(np.rint(rate * _WORDS)), np.uint64(layer + 1)
    kept = cast(1.0 / (1.0 - rate), mask[0])
    size = mask.size
    whole = size >> 2
    for block in range(whole):
        words = philox(np.uint64(block), low, high, stream, key_0, key_1)
        mask[4 * block] = kept if words[0] >= limit else _zero(kept)
        mask[4 * block + 1] = kept if words[1] >= limit else _zero(kept)
        mask[4 * block + 2] = kept if words[2] >= limit else _zero(kept)
        mask[4 * block + 3] = kept if words[3] >= limit else _zero(kept)
    if size & 3:
        words = philox(np.uint64(whole), low, high, stream, key_0, key_1)
        for e in range(4 * whole, size):
            mask[e] = kept if words[e & 3] >= limit else _zero(kept)
