"""The estimate of a training's cost against the training itself."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest

from tests.workers.engine import problems
from workers.engine import cost
from workers.engine.spec import EarlyStoppingSpec, MseSpec, SgdSpec, TrainingSpec
from workers.engine.training import TrainingData


def test_the_operations_of_an_epoch_are_counted() -> None:
    """Per row, by hand: forward 2 (3*4 + 4*2), dW the same, dX only for the second layer."""
    network = problems.network((3, 4, 2))
    spec = TrainingSpec(epochs=1, batch_size=8, loss=MseSpec())
    assert cost.estimate(network, spec, 10).flops_per_epoch == 10 * (40 + 40 + 16)


@pytest.mark.parametrize(
    ("widths", "n_rows", "batch_size"),
    [((20, 64, 32, 1), 20_000, 128), ((50, 512, 512, 1), 500, 64), ((8, 32, 1), 30_000, 8192)],
)
def test_the_estimated_memory_is_that_of_the_training(
    widths: tuple[int, ...], n_rows: int, batch_size: int
) -> None:
    """Within 20%, whether data, weights or activations weigh most."""
    network = problems.network(widths)
    spec = TrainingSpec(
        epochs=1,
        batch_size=batch_size,
        loss=MseSpec(),
        early_stopping=EarlyStoppingSpec(monitor="train_loss"),
    )
    gc.collect()
    tracemalloc.start()
    try:
        X = np.ones((n_rows, widths[0]), np.float32)
        y = np.ones((n_rows, 1), np.float32)
        problems.run_to_end(network, TrainingData(X, y), spec)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert cost.estimate(network, spec, n_rows).memory_bytes == pytest.approx(peak, rel=0.2)


def test_time_grows_with_rows_and_with_weights() -> None:
    spec = TrainingSpec(epochs=1, batch_size=32, loss=MseSpec(), optimizer=SgdSpec())
    small, large = problems.network((10, 16, 1)), problems.network((10, 512, 512, 1))
    once = cost.seconds_per_epoch(small, spec, 3_200)
    assert cost.seconds_per_epoch(small, spec, 6_400) == pytest.approx(2.0 * once)
    assert cost.seconds_per_epoch(large, spec, 3_200) > 2.0 * once > 0.0
    assert cost.measured_speed() > 1e8
