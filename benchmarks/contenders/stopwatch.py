"""CPU time of this process and all its threads: what other work takes away is not in it."""

from __future__ import annotations

import time
from collections.abc import Callable

Epochs = Callable[[int], object]
"""Trains for so many epochs."""

TimedEpochs = Callable[[int], float]
"""The same, with the seconds of CPU time that it took."""


def timed(train: Epochs) -> TimedEpochs:
    """Tell the CPU time of each call."""

    def run(epochs: int) -> float:
        before_s = time.process_time()
        train(epochs)
        return time.process_time() - before_s

    return run
