"""Philox4x32-10: random words as a function of a key and a counter, without a state.

Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3". What is random in a step can so
be computed again anywhere: after a restart, in a stack, in compiled code, on a GPU.

Element e of the mask of the run's dropout layer d in its batch s (from 1) is word e % 4 of the
block with the counter (e // 4, s mod 2^32, s div 2^32, d + 1) under the key (seed mod 2^32, seed
div 2^32); e counts along the rows of the batch. It is kept where that word is not below
round(rate 2^32).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from workers.engine.tensors import Array, Memory, Shape

Words64 = NDArray[np.uint64]

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
"""What is added to the two words of the key from one round to the next, mod 2^32."""

_WORD_BITS = 32
_WORD = (1 << _WORD_BITS) - 1


def threshold(rate: float) -> int:
    """The words below it, of 2^32, are a part `rate` of all."""
    return round(rate * (1 << _WORD_BITS))


class Words:
    """The words of the blocks 0, 1, 2, ... of one stream for each of some keys.

    Each key is a number in [0, 2^64); there are 4 `blocks` words for each of them. Words are kept
    in uint64, so that the products of two of them fit.
    """

    def __init__(self, xp: Any, keys: tuple[int, ...], blocks: int, stream: int) -> None:
        self._xp = xp
        self._stream = stream
        self._rounds = _round_keys(xp, keys)
        self._multipliers = [_word(xp, multiplier) for multiplier in MULTIPLIERS]
        self._shift = _word(xp, _WORD_BITS)
        self._low = _word(xp, _WORD)
        shape = (len(keys), blocks)
        self._blocks = xp.arange(blocks, dtype=xp.uint64)
        self._counter = [xp.empty(shape, xp.uint64) for _ in range(4)]
        self._products = [xp.empty(shape, xp.uint64) for _ in range(2)]

    def fill(self, words: Words64, position: int) -> None:
        """Write the words of the position in the stream to `words` (keys, blocks, 4) of uint64."""
        xp, (c0, c1, c2, c3) = self._xp, self._counter
        xp.copyto(c0, self._blocks)
        c1.fill(position & _WORD)
        c2.fill(position >> _WORD_BITS)
        c3.fill(self._stream)
        for keys in self._rounds:
            self._round(*keys)
        for place, word in enumerate(self._counter):
            xp.copyto(words[..., place], word)

    def _round(self, key0: Words64, key1: Words64) -> None:
        """Two products of 32 by 32 bits, whose halves change places."""
        xp, (c0, c1, c2, c3), (p0, p1) = self._xp, self._counter, self._products
        xp.multiply(c0, self._multipliers[0], out=p0)
        xp.multiply(c2, self._multipliers[1], out=p1)
        xp.right_shift(p1, self._shift, out=c0)
        xp.bitwise_xor(c0, c1, out=c0)
        xp.bitwise_xor(c0, key0, out=c0)
        xp.bitwise_and(p1, self._low, out=c1)
        xp.right_shift(p0, self._shift, out=c2)
        xp.bitwise_xor(c2, c3, out=c2)
        xp.bitwise_xor(c2, key1, out=c2)
        xp.bitwise_and(p0, self._low, out=c3)


class Mask:
    """The masks of one dropout layer for batches of one shape (B, O), or (K, B, O) of K seeds."""

    def __init__(
        self, memory: Memory, shape: Shape, seeds: tuple[int, ...], layer: int, rate: float
    ) -> None:
        xp = memory.xp
        elements = math.prod(shape[-2:])
        blocks = -(-elements // 4)
        self._xp = xp
        self._words = Words(xp, seeds, blocks, layer + 1)
        self._drawn = xp.empty((len(seeds), blocks, 4), xp.uint64)
        used = self._drawn.reshape(len(seeds), blocks * 4)[:, :elements]
        self._used = used.reshape(shape) if len(seeds) > 1 else used[0].reshape(shape)
        self._kept = xp.empty(shape, xp.bool_)
        self._threshold = _word(xp, threshold(rate))
        self._scale = memory.constant(1.0 / (1.0 - rate))

    def __call__(self, batch: int, mask: Array) -> None:
        """Set `mask` to 1 / (1 - rate) where an element is kept, else to 0."""
        self._words.fill(self._drawn, batch)
        self._xp.greater_equal(self._used, self._threshold, out=self._kept)
        self._xp.multiply(self._kept, self._scale, out=mask)


def _word(xp: Any, value: int) -> Words64:
    found: Words64 = xp.full((), value, xp.uint64)
    return found


def _round_keys(xp: Any, keys: tuple[int, ...]) -> list[tuple[Words64, Words64]]:
    """For every round the two words of all keys, (keys, 1) each."""
    halves = [[(key & _WORD, key >> _WORD_BITS)[half] for key in keys] for half in (0, 1)]
    return [
        tuple(
            xp.asarray([[(word + n * step) & _WORD] for word in words], xp.uint64)
            for words, step in zip(halves, KEY_STEPS, strict=True)
        )
        for n in range(ROUNDS)
    ]
