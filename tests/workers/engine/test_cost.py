"""The estimate of a training's cost against the training itself."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.workers.engine import problems
from workers.engine import cost
from workers.engine.kernels.chunk import CHUNKED
from workers.engine.network import Network
from workers.engine.spec import (
    AdagradSpec,
    BatchNormSpec,
    DenseSpec,
    DropoutSpec,
    EarlyStoppingSpec,
    LbfgsSpec,
    MseSpec,
    NetworkSpec,
    NumericEmbeddingSpec,
    SgdSpec,
    TrainingSpec,
)
from workers.engine.training import TrainingData, TrainingState, train
from workers.modelling.scratch import MAPPED_MATRIX_BYTES

if TYPE_CHECKING:
    from typing import Any

    from workers.engine.spec import Layer


def test_the_operations_of_an_epoch_are_counted() -> None:
    """Per row, by hand: forward 2 (3*4 + 4*2), dW the same, dX only for the second layer."""
    network = problems.network((3, 4, 2))
    spec = TrainingSpec(epochs=1, batch_size=8, loss=MseSpec())
    assert cost.estimate(network, spec, 10).flops_per_epoch == 10 * (40 + 40 + 16)
    several = Network(
        NetworkSpec(layers=(DenseSpec(units=4),), members=5),
        n_inputs=3,
        n_outputs=2,
        output_activation="identity",
    )
    # The scales of the first layer's inputs learn by its dX.
    assert cost.estimate(several, spec, 10).flops_per_epoch == 5 * 10 * (40 + 40 + 40)


def peak_bytes(network: Network, spec: TrainingSpec, n_rows: int, n_validation: int) -> int:
    """Of a training with its data, and a checkpoint at the end of every epoch.

    What that takes is added: a tracer of Python's memory does not see all of it.
    """
    kernels = CHUNKED
    state = TrainingState.initial(network, spec, seed=0)
    for _ in train(network, state, some_rows(network, 64, 8), spec, 0, kernels=kernels):
        pass
    del state
    gc.collect()
    tracemalloc.start()
    try:
        data = some_rows(network, n_rows, n_validation)
        state = TrainingState.initial(network, spec, seed=0)
        peaks = []
        for _ in train(network, state, data, spec, 0, kernels=kernels):
            now, peak = tracemalloc.get_traced_memory()
            checkpoint = sum(array.nbytes for array in state.arrays().values())
            peaks += [peak, now + cost.CHECKPOINT_COPIES * checkpoint]
        return max(peaks)
    finally:
        tracemalloc.stop()


def some_rows(network: Network, n_rows: int, n_validation: int) -> TrainingData:
    X, y, X_validation, y_validation = (
        np.ones((rows, width), np.float32)
        for rows in (n_rows, n_validation)
        for width in (network.n_inputs, network.n_outputs)
    )
    if not n_validation:
        return TrainingData(X, y)
    return TrainingData(X, y, X_validation, y_validation)


def dense(*units: int) -> tuple[Layer, ...]:
    return tuple(DenseSpec(units=n, activation="gelu") for n in units)


SLOW = SgdSpec(learning_rate=1e-6)
NORMED = (*dense(256), BatchNormSpec(), *dense(256), DropoutSpec(rate=0.1))


@pytest.mark.parametrize(
    ("layers", "sizes", "changes"),
    [
        pytest.param(dense(64, 32), (20, 20_000, 128), {}, id="data weigh most"),
        pytest.param(dense(512, 512), (50, 500, 64), {}, id="weights weigh most"),
        pytest.param(dense(128), (8, 30_000, 8_192), {}, id="activations weigh most"),
        pytest.param(dense(256, 256), (50, 500, 64), {"ema_decay": 0.9}, id="an average is kept"),
        pytest.param(NORMED, (32, 9_000, 4_096), {}, id="op by op, a smaller batch at the end"),
        pytest.param(dense(512), (200, 500, 64), {"optimizer": AdagradSpec()}, id="one slot"),
        pytest.param(dense(512), (200, 500, 64), {"optimizer": SLOW}, id="no slot"),
        pytest.param(dense(256), (100, 400, 400), {"optimizer": LbfgsSpec()}, id="a history"),
        pytest.param(dense(256, 256), (50, 900, 64), {"accumulate": 4}, id="batches add up"),
    ],
)
@pytest.mark.parametrize(
    "network",
    [
        pytest.param({}, id="plain"),
        pytest.param({"members": 4}, id="members"),
        pytest.param({"numeric_embeddings": NumericEmbeddingSpec()}, id="waves"),
    ],
)
@pytest.mark.parametrize("n_validation", [0, 2_000])
def test_the_estimated_memory_is_that_of_the_training(
    layers: tuple[Layer, ...],
    sizes: tuple[int, int, int],
    changes: dict[str, Any],
    n_validation: int,
    network: dict[str, Any],
) -> None:
    """Within 20%, whatever weighs most."""
    n_inputs, n_rows, batch_size = sizes
    built = Network(
        NetworkSpec(layers=layers, **network),
        n_inputs=n_inputs,
        n_outputs=1,
        output_activation="identity",
    )
    stopping = EarlyStoppingSpec(monitor="train_loss")
    spec = TrainingSpec(
        epochs=2, batch_size=batch_size, loss=MseSpec(), early_stopping=stopping, **changes
    )
    estimated = cost.estimate(built, spec, n_rows, n_validation).memory_bytes
    assert estimated == pytest.approx(peak_bytes(built, spec, n_rows, n_validation), rel=0.2)


def test_a_matrix_that_is_mapped_takes_no_memory() -> None:
    network = problems.network((1_000, 1))
    spec = TrainingSpec(epochs=1, batch_size=64, loss=MseSpec(), shuffle=False)
    fitting = cost.MAPPED_BYTES // 4_000
    assert cost.MAPPED_BYTES == MAPPED_MATRIX_BYTES
    inside = cost.estimate(network, spec, fitting).memory_bytes
    beyond = cost.estimate(network, spec, fitting + 64).memory_bytes
    assert inside > cost.MAPPED_BYTES > 10 * beyond
