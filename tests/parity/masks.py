"""The masks of dropout, written once more from their definition, for the other side to use.

Philox4x32-10 (Salmon et al. 2011, section 3.3) on whole Python numbers, one block at a time: slow,
and with nothing in common with the engine's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Words = tuple[int, int, int, int]

_WORD = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)


def philox(counter: Words, key: tuple[int, int]) -> Words:
    """The block of four 32-bit words that belongs to a counter under a key."""
    for _ in range(10):
        first, second = _MULTIPLIERS[0] * counter[0], _MULTIPLIERS[1] * counter[2]
        counter = (
            (second >> 32) ^ counter[1] ^ key[0],
            second & _WORD,
            (first >> 32) ^ counter[3] ^ key[1],
            first & _WORD,
        )
        key = ((key[0] + _KEY_STEPS[0]) & _WORD, (key[1] + _KEY_STEPS[1]) & _WORD)
    return counter


def kept(
    seed: int, layer: int, batch: int, rate: float, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which values (B, O) the dropout layer numbered `layer` keeps in a batch counted from 1."""
    size = shape[0] * shape[1]
    key = (seed & _WORD, seed >> 32)
    words = [
        word
        for block in range(-(-size // 4))
        for word in philox((block, batch & _WORD, batch >> 32, layer + 1), key)
    ]
    return np.array(words[:size]).reshape(shape) >= round(rate * 2**32)
