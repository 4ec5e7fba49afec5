"""Counter-based randomness: every draw is a function of (seed, purpose, index).

Philox is a bijection of a counter under a key (Salmon et al. 2011): nothing is carried from one
epoch to the next, so that any epoch can be entered directly after a restart.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Purpose(IntEnum):
    """What a stream of numbers is for; a number once given is never given again."""

    INITIAL_PARAMETERS = 1  # index: the layer
    SHUFFLE = 2  # index: the epoch, from 0
    PROBE = 3  # index: the trial


def generator(seed: int, purpose: Purpose, index: int = 0) -> np.random.Generator:
    """A generator at the start of its own stream.

    seed in [0, 2**64); index in [0, 2**64). The lower counter words stay free for 2**128 draws.
    """
    key = np.array([seed, purpose], dtype=np.uint64)
    counter = np.array([0, 0, index, 0], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def shuffled(seed: int, epoch: int, n_rows: int) -> NDArray[np.intp]:
    """The order (n_rows,) of the rows in an epoch, counted from 0."""
    return generator(seed, Purpose.SHUFFLE, epoch).permutation(n_rows)
