"""A contender's process: makes the data, warms up, then answers every line with one round.

Run as `python -m benchmarks.contenders NAME SHAPE SECONDS`; an answer is samples per second of CPU
time. It stays on one core.
"""

from __future__ import annotations

import importlib
import math
import os
import sys
from typing import TYPE_CHECKING

from benchmarks.contenders.catalogue import CONTENDERS
from benchmarks.shapes import SHAPES, STACK_SHAPES

if TYPE_CHECKING:
    from benchmarks.contenders.stopwatch import TimedEpochs
    from benchmarks.shapes import Shape


def main() -> None:
    """Serve rounds until the input ends."""
    name, round_s = sys.argv[1], float(sys.argv[3])
    shape = (SHAPES | STACK_SHAPES)[sys.argv[2]]
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    run = _prepared(name, shape)
    run(1)  # compiles, takes its memory
    epochs = max(1, math.ceil(round_s / run(1)))
    samples = shape.rows * CONTENDERS[name].members
    print("ready", flush=True)
    for _ in sys.stdin:
        print(samples * epochs / run(epochs), flush=True)


def _prepared(name: str, shape: Shape) -> TimedEpochs:
    contender = CONTENDERS[name]
    # The contender's library comes first: ours sets up the processor before NumPy is loaded.
    module = importlib.import_module(f"benchmarks.contenders.{contender.module}")
    np = importlib.import_module("numpy")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(shape.rows, shape.widths[0])).astype(np.float32)
    y = rng.integers(0, shape.widths[-1], shape.rows)
    run: TimedEpochs = getattr(module, contender.function)(shape, X, y)
    return run


if __name__ == "__main__":
    main()
