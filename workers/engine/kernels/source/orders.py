"""The order of the rows in an epoch, bit for bit that of `engine/rng.py`.

That is NumPy's permutation by Philox4x64-10 (Salmon et al. 2011): Fisher and Yates' shuffle from
the end, each place with the next half of a word, cut to as few bits as the place needs, that does
not lie beyond it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workers.engine.kernels.source.jit import high_product, inlined

_ROUNDS = 10
_DRAWN_AT_ONCE = 8
_MULTIPLIER_0 = np.uint64(0xD2E7470EE14C6C93)
_MULTIPLIER_1 = np.uint64(0xCA5A826395121157)
_WEYL_0 = np.uint64(0x9E3779B97F4A7C15)
_WEYL_1 = np.uint64(0xBB67AE8584CAA73B)
_HALF_BITS = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_ONE = np.uint64(1)
_ZERO = np.uint64(0)


@inlined
def shuffle(order: Any, seed: Any, purpose: Any, epoch: Any) -> None:
    """Fill order (N,) with 0 .. N - 1 as the stream of a seed has them in an epoch."""
    for n in range(order.size):
        order[n] = n
    place = order.size - 1
    mask = _ONE
    while mask < np.uint64(max(place, 0)):
        mask = (mask << _ONE) | _ONE
    counter = _ZERO
    while place > 0:
        counter += _ONE
        words = _philox(counter, np.uint64(epoch), np.uint64(seed), np.uint64(purpose))
        if place > _DRAWN_AT_ONCE:
            for word in words:
                place, mask = _exchange(order, place, mask, word & _LOW)
                place, mask = _exchange(order, place, mask, word >> _HALF_BITS)
        else:
            place, mask = _exchange_last(order, place, mask, words)


@inlined
def _exchange_last(order: Any, place: Any, mask: Any, words: Any) -> Any:
    for word in words:
        if place > 0:
            place, mask = _exchange(order, place, mask, word & _LOW)
        if place > 0:
            place, mask = _exchange(order, place, mask, word >> _HALF_BITS)
    return place, mask


@inlined
def _exchange(order: Any, place: Any, mask: Any, drawn: Any) -> Any:
    """Take the drawn number if it serves; without a jump, which could not be foreseen."""
    other = np.int64(drawn & mask)
    serves = other <= place
    other = other if serves else place
    order[place], order[other] = order[other], order[place]
    place -= np.int64(serves)
    return place, mask >> np.uint64(place <= np.int64(mask >> _ONE))


@inlined
def _philox(counter: Any, epoch: Any, key_0: Any, key_1: Any) -> Any:
    """Four random words of 64 bits for the counter (counter, 0, epoch, 0)."""
    a, b, c, d = counter, _ZERO, epoch, _ZERO
    for _ in range(_ROUNDS):
        a, b, c, d = (
            high_product(_MULTIPLIER_1, c) ^ b ^ key_0,
            _MULTIPLIER_1 * c,
            high_product(_MULTIPLIER_0, a) ^ d ^ key_1,
            _MULTIPLIER_0 * a,
        )
        key_0, key_1 = key_0 + _WEYL_0, key_1 + _WEYL_1
    return a, b, c, d
