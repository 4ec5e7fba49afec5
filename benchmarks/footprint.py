"""The process of one case: what a training is said to cost, or what it does cost.

Run as `python -m benchmarks.footprint CASE estimate` or `... measure`; prints JSON. Memory is the
high water of resident pages above what the process held when everything was loaded and warm.
"""

from __future__ import annotations

import ctypes
import gc
import json
import mmap
import os
import re
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.contenders.kernel_forms import SERVED, kernels_named
from benchmarks.footprint_cases import CASES, N_CLASSES
from workers.engine.backend import dtype_of
from workers.engine.cost import estimate
from workers.engine.speed import measure, seconds_per_epoch
from workers.engine.training import TrainingData, TrainingState, train
from workers.modelling.codec import states_to_bytes

if TYPE_CHECKING:
    from benchmarks.footprint_cases import Case

MAX_EPOCHS = 2_000
MEASURED_S = 1.5


def main() -> None:
    """Answer for the case and the question named on the command line."""
    case = CASES[sys.argv[1]]
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    answer = _estimated(case) if sys.argv[2] == "estimate" else _measured(case)
    print(json.dumps(answer))


def _estimated(case: Case) -> dict[str, float]:
    network, spec = case.network(), case.training(1)
    cost = estimate(network, spec, case.rows)
    speed = measure(kernels_named(SERVED))
    epoch_s = seconds_per_epoch(network, spec, case.rows, speed)
    return {"memory_bytes": cost.memory_bytes, "epoch_s": epoch_s}


def _measured(case: Case) -> dict[str, float]:
    _train(replace(case, rows=2 * case.batch_size), n_epochs=2)
    gc.collect()
    # What the allocator still holds of that would be taken again, and not be seen.
    ctypes.CDLL(None).malloc_trim(0)
    _forget_high_water()
    base = _status_bytes("VmRSS")
    epoch_s = _train(case, MAX_EPOCHS)
    peak = max(_status_bytes("VmHWM") - base, mmap.PAGESIZE)
    return {"memory_bytes": peak, "epoch_s": epoch_s}


def _train(case: Case, n_epochs: int) -> float:
    """Train as a worker does, a checkpoint at the end; the median CPU time of an epoch."""
    spec = case.training(n_epochs)
    network = case.network()
    rng = np.random.default_rng(0)
    # Drawn where it stays: a copy would be taken for the engine's.
    X = np.empty((case.rows, case.n_inputs), dtype_of(spec.precision))
    rng.random(out=X, dtype=X.dtype)
    data = TrainingData(X, rng.integers(0, N_CLASSES, case.rows))
    state = TrainingState.initial(network, spec, seed=0)
    kernels = kernels_named(SERVED)
    marks = [time.process_time()]
    for progress in train(network, state, data, spec, seed=0, kernels=kernels):
        if progress.report is not None:
            marks.append(time.process_time())
            if marks[-1] - marks[0] > MEASURED_S and len(marks) > 3:
                states_to_bytes([state], network.layout)
                break
    return statistics.median(np.diff(marks))


def _forget_high_water() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _status_bytes(name: str) -> int:
    text = Path("/proc/self/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"/proc/self/status says nothing of {name}")
    return int(found.group(1)) * 1024


if __name__ == "__main__":
    main()
