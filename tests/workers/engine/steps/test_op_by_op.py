"""Steps take no memory: everything is allocated before the first."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest

from workers.engine.kernels.plain import PLAIN
from workers.engine.network import Network
from workers.engine.problem import Problem, TrainingData
from workers.engine.spec import (
    AdadeltaSpec,
    AdagradSpec,
    AdamaxSpec,
    AdamSpec,
    AdamWSpec,
    BinaryCrossEntropySpec,
    CosineSchedule,
    DenseSpec,
    FocalSpec,
    HuberSpec,
    MseSpec,
    NadamSpec,
    NetworkSpec,
    PoissonSpec,
    QuantileSpec,
    RmspropSpec,
    SgdSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)
from workers.engine.state import TrainingState
from workers.engine.steps.op_by_op import Steps

ROWS, OUTPUTS = 2048, 16
CASES: list[tuple[Any, str, dict[str, Any]]] = [
    (SoftmaxCrossEntropySpec(), "softmax", {"optimizer": AdamSpec()}),
    (SoftmaxCrossEntropySpec(label_smoothing=0.1), "softmax", {"optimizer": SgdSpec()}),
    (FocalSpec(), "softmax", {"optimizer": SgdSpec(momentum=0.9, nesterov=True)}),
    (FocalSpec(), "sigmoid", {"optimizer": AdamWSpec()}),
    (BinaryCrossEntropySpec(label_smoothing=0.1), "sigmoid", {"optimizer": NadamSpec()}),
    (MseSpec(), "tanh", {"optimizer": RmspropSpec(centered=True, momentum=0.5)}),
    (HuberSpec(), "identity", {"optimizer": AdagradSpec()}),
    (QuantileSpec(), "identity", {"optimizer": AdadeltaSpec()}),
    (PoissonSpec(), "exponential", {"optimizer": AdamaxSpec()}),
    (MseSpec(), "identity", {"clip_norm": 1.0, "clip_value": 0.1, "schedule": CosineSchedule()}),
    (MseSpec(), "identity", {"accumulate": 2, "ema_decay": 0.9}),
]


@pytest.mark.parametrize(("loss", "output", "fields"), CASES, ids=str)
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_a_step_allocates_no_array(
    loss: Any, output: Any, fields: dict[str, Any], weighted: bool
) -> None:
    """Over an epoch the peak stays below the smallest activation, (2048, 16).

    NumPy itself takes a buffer of 8,192 elements for the time of an addition that broadcasts.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10 * ROWS, 10)).astype(np.float32)
    labels = output == "softmax"
    y = rng.integers(0, OUTPUTS if labels else 2, len(X) if labels else (len(X), OUTPUTS))
    weights = rng.uniform(size=len(X)).astype(np.float32) if weighted else None
    layers = (
        DenseSpec(units=64, l1=1e-3, l2=1e-3, max_norm=3.0),
        DenseSpec(units=32, activation="tanh"),
    )
    network = Network(
        NetworkSpec(layers=layers), n_inputs=10, n_outputs=OUTPUTS, output_activation=output
    )
    spec = TrainingSpec(epochs=2, batch_size=ROWS, loss=loss, shuffle=False, **fields)
    state = TrainingState.initial(network, spec, 0)
    steps = Steps(Problem(network, TrainingData(X, y, weights=weights), spec, 0, PLAIN), state)
    steps.enter_epoch()
    steps.advance(lambda: 1.0, 0.0)
    gc.collect()
    tracemalloc.start()
    try:
        steps.advance(lambda: 0.0, 1.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert state.step == 10 // spec.accumulate
    assert peak < ROWS * OUTPUTS * 4
