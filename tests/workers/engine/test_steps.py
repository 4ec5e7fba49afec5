"""Steps take no memory: everything is allocated before the first."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np

from tests.workers.engine import problems
from workers.engine.kernels.plain import PLAIN
from workers.engine.problem import Problem, TrainingData
from workers.engine.spec import AdamSpec, SoftmaxCrossEntropySpec, TrainingSpec
from workers.engine.state import TrainingState
from workers.engine.steps import Steps


def test_a_step_allocates_no_array() -> None:
    """Over an epoch the peak stays below the smallest activation, (2048, 16).

    NumPy itself takes a buffer of 8,192 elements for the time of an addition that broadcasts.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10 * 2048, 10)).astype(np.float32)
    y = rng.integers(0, 16, len(X))
    network = problems.network((10, 64, 32, 16), "relu", "softmax")
    spec = TrainingSpec(
        epochs=2,
        batch_size=2048,
        loss=SoftmaxCrossEntropySpec(),
        optimizer=AdamSpec(),
        shuffle=False,
    )
    state = TrainingState.initial(network, spec, 0)
    steps = Steps(Problem(network, TrainingData(X, y), spec, 0, PLAIN), state)
    steps.enter_epoch()
    steps.advance(lambda: 1.0, 0.0)
    gc.collect()
    tracemalloc.start()
    try:
        steps.advance(lambda: 0.0, 1.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert state.step == 10
    assert peak < 2048 * 16 * 4
