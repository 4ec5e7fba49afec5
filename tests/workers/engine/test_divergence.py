"""A training that leaves the finite numbers is found out, named, and taken back."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.workers.engine import problems
from workers.engine.kernels.plain import PLAIN
from workers.engine.spec import (
    AdamSpec,
    MseSpec,
    Optimizer,
    Precision,
    SgdSpec,
    TrainingSpec,
)
from workers.engine.training import TrainingData, TrainingState, train

PRECISIONS: tuple[Precision, ...] = ("float32", "float64")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_diverging_run_ends_with_its_last_finite_epoch(precision: Precision) -> None:
    """Descent on a parabola with a rate ten times beyond stability grows until it overflows."""
    X = np.linspace(-1, 1, 40)[:, None]
    spec = TrainingSpec(
        epochs=10_000,
        batch_size=10,
        loss=MseSpec(),
        optimizer=SgdSpec(learning_rate=10.0),
        precision=precision,
    )
    network = problems.network((1, 1))
    state = TrainingState.initial(network, spec, 0)
    epochs = 0
    for progress in train(network, state, TrainingData(X, X), spec, 0):
        if progress.report is not None:
            epochs = progress.report.epoch
            assert math.isfinite(progress.report.train_loss)
            finite = state.parameters.copy()
    assert state.stop_reason == "diverged"
    assert state.divergence is not None
    assert state.divergence.epoch == epochs + 1 == state.epoch + 1
    assert epochs * 4 < state.divergence.step <= (epochs + 1) * 4
    assert state.divergence.tensor in {"loss", *network.layout.names}
    np.testing.assert_array_equal(state.parameters, finite)


@pytest.mark.parametrize(
    "optimizer", [SgdSpec(learning_rate=10.0), AdamSpec()], ids=lambda o: o.type
)
def test_an_overflow_in_the_last_step_of_an_epoch_is_found_in_that_epoch(
    optimizer: Optimizer,
) -> None:
    """The loss (9e18)^2 is finite in float32, ten times its gradient is not, nor its square.

    With Adam the parameters stay finite, but its second moment would stand still at infinity.
    """
    X, y = np.array([[1e19]]), np.zeros((1, 1))
    spec = TrainingSpec(epochs=2, batch_size=1, loss=MseSpec(), optimizer=optimizer)
    network = problems.network((1, 1))
    state = TrainingState.initial(network, spec, 0)
    state.parameters[...] = [0.9, 0.0]
    assert list(train(network, state, TrainingData(X, y), spec, 0)) == []
    assert state.divergence is not None
    assert (state.divergence.epoch, state.divergence.tensor) == (1, "layers.0.weight")


def test_a_nan_in_the_weights_is_named_within_the_epoch() -> None:
    network = problems.network((4, 5, 3), output="softmax")
    spec = problems.classifier()
    state = TrainingState.initial(network, spec, 0)
    network.layout.views(state.parameters)["layers.1.bias"][2] = np.nan
    assert list(train(network, state, problems.classes(), spec, 0)) == []
    assert state.divergence is not None
    assert (state.divergence.step, state.divergence.tensor) == (1, "layers.1.bias")
    assert state.divergence.norm == 0.0


def test_validation_rows_beyond_the_precision_are_a_divergence() -> None:
    """Squares of 1e30 overflow in float32: a loss that is not a number is never reported."""
    X = np.ones((8, 1))
    data = TrainingData(X, X, 1e30 * X, X)
    spec = TrainingSpec(epochs=3, batch_size=8, loss=MseSpec())
    state, progress = problems.run_to_end(problems.network((1, 1)), data, spec)
    assert [p for p in progress if p.report] == []
    assert state.divergence is not None
    assert state.divergence.tensor == "val_loss"
    assert state.divergence.norm > 1e30


def test_a_divergence_names_the_first_layer_that_overflowed() -> None:
    """Weights of 1e15 are finite, so is 1e30 behind the second layer, but not 1e45."""
    network = problems.network((1, 1, 1, 1, 1), "identity")
    spec = TrainingSpec(epochs=1, batch_size=4, loss=MseSpec())
    state = TrainingState.initial(network, spec, 0)
    for name, tensor in network.layout.views(state.parameters).items():
        tensor[...] = 1e15 if name.endswith("weight") else 0.0
    X = np.ones((4, 1), np.float32)
    assert list(train(network, state, TrainingData(X, X), spec, 0)) == []
    assert state.divergence is not None
    assert (state.divergence.step, state.divergence.tensor) == (1, "layers.2.output")


def test_a_loss_alone_beyond_the_precision_comes_with_the_norm_of_the_scores() -> None:
    network = problems.network((1, 1))
    spec = TrainingSpec(epochs=1, batch_size=4, loss=MseSpec(), shuffle=False)
    state = TrainingState.initial(network, spec, 0)
    state.parameters[...] = [1.0, 0.0]
    X, y = np.array([[3e20], [4e20], [0.0], [0.0]]), np.zeros((4, 1))
    assert list(train(network, state, TrainingData(X, y), spec, 0)) == []
    assert state.divergence is not None
    assert state.divergence.tensor == "loss"
    assert state.divergence.norm == pytest.approx(5e20, rel=1e-6)


def test_the_norm_is_that_of_what_is_finite() -> None:
    network, spec = problems.network((4, 5, 3), output="softmax"), problems.classifier()
    state = TrainingState.initial(network, spec, 0)
    bias = network.layout.views(state.parameters)["layers.1.bias"]
    bias[...] = [3e25, np.inf, -4e25]
    assert list(train(network, state, problems.classes(), spec, 0)) == []
    assert state.divergence is not None
    assert state.divergence.tensor == "layers.1.bias"
    assert state.divergence.norm == pytest.approx(5e25, rel=1e-6)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_losses_read_seldom_still_name_the_step(accumulate: int) -> None:
    """Where reading a loss is dear, it is looked at every few steps, and at every yield."""
    seldom = replace(PLAIN, steps_per_check=4)
    data = problems.classes(n_rows=160)
    y = np.zeros((160, 1))
    y[70] = 1e30  # in batch 7 of 16, when they come in order
    data = TrainingData(data.X, y)
    spec = TrainingSpec(
        epochs=2, batch_size=10, loss=MseSpec(), shuffle=False, accumulate=accumulate
    )
    network = problems.network((4, 1))
    found = []
    for kernels in (PLAIN, seldom):
        state = TrainingState.initial(network, spec, 0)
        assert list(train(network, state, data, spec, 0, kernels=kernels)) == []
        assert state.divergence is not None
        assert state.divergence.step == (8 if accumulate == 1 else 4)
        found.append(state.final_parameters(spec).tobytes())
    assert found[0] == found[1]


def test_losses_read_seldom_give_the_same_training() -> None:
    network, spec = problems.network((4, 5, 3), output="softmax"), problems.classifier()
    found = []
    for kernels in (PLAIN, replace(PLAIN, steps_per_check=3)):
        state = TrainingState.initial(network, spec, 0)
        progress = list(train(network, state, problems.classes(), spec, 0, kernels=kernels))
        losses = [p.report.train_loss for p in progress if p.report]
        found.append((state.parameters.tobytes(), losses))
    assert found[0] == found[1]
