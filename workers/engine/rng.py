"""Counter-based randomness: every draw is a function of (seed, purpose, index).

Philox is a bijection of a counter under a key (Salmon et al. 2011): nothing is carried from one
epoch to the next, so that any epoch can be entered directly after a restart.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Purpose(IntEnum):
    """What a stream of numbers is for; a number once given is never given again."""

    INITIAL_PARAMETERS = 1  # index: the layer
    SHUFFLE = 2  # index: the epoch, from 0
    PROBE = 3  # index: the trial
    IMPORTANCE = 4  # index: the repeat


def generator(seed: int, purpose: Purpose, index: int = 0) -> np.random.Generator:
    """A generator at the start of its own stream.

    seed in [0, 2**64); index in [0, 2**64). The lower counter words stay free for 2**128 draws.
    """
    key = np.array([seed, purpose], dtype=np.uint64)
    counter = np.array([0, 0, index, 0], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


class Shuffler:
    """The orders of the rows in the epochs of runs."""

    def __init__(self) -> None:
        # A generator set to another place costs a tenth of a new one; epochs can be as short.
        self._philox = np.random.Philox(0)
        self._generator = np.random.Generator(self._philox)
        self._counter = np.zeros(4, np.uint64)
        self._key = np.zeros(2, np.uint64)
        self._state: Any = {
            "bit_generator": "Philox",
            "state": {"counter": self._counter, "key": self._key},
            "buffer": np.zeros(4, np.uint64),
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }

    def order(self, seed: int, epoch: int, n_rows: int) -> NDArray[np.intp]:
        """The order (n_rows,) in an epoch, from 0: that of `generator` for Purpose.SHUFFLE."""
        self._key[:] = seed, Purpose.SHUFFLE
        self._counter[2] = epoch
        self._philox.state = self._state
        return self._generator.permutation(n_rows)
