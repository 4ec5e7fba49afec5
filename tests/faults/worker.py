"""A worker whose trainings stop where a test says so, for it to break something there.

A file `hold-12` in the folder FAULTS_DIR holds a training at the end of epoch 12, `hold-12-inside`
within it; `held-12`, with the process's pid, is there while it stands. Removing the first file lets
it go on; `exhaust-123` instead makes process 123 take more memory than it may.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workers import attempt, runner
from workers.__main__ import main
from workers.engine import training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.engine.training import Progress

FOLDER = Path(os.environ["FAULTS_DIR"])
POLL_S = 0.005


def train_with_stops(*arguments: Any, **options: Any) -> Iterator[Progress]:
    """Train as the engine does, with stops."""
    for progress in training.train(*arguments, **options):
        stand(f"{progress.epoch}" if progress.report else f"{progress.epoch}-inside")
        yield progress


def stand(place: str) -> None:
    """Wait here while a test wants it."""
    hold, sign = FOLDER / f"hold-{place}", FOLDER / f"held-{place}"
    exhaust = FOLDER / f"exhaust-{os.getpid()}"
    if not hold.exists():
        return
    sign.with_suffix(".draft").write_text(f"{os.getpid()}")
    sign.with_suffix(".draft").rename(sign)
    while hold.exists():
        if exhaust.exists():
            exhaust.unlink()
            np.ones(2**40)
        time.sleep(POLL_S)
    sign.unlink(missing_ok=True)


if __name__ == "__main__":
    vars(attempt)["train"] = train_with_stops
    # A training stops within an epoch, however few microseconds that takes: after every step.
    vars(training)["CHUNK_S"] = 0.0
    # Short trainings, too, have a checkpoint to go on from.
    vars(runner)["CHECKPOINT_S"] = 0.0
    main()
