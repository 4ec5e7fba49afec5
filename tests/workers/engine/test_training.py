"""Training: it learns, it reports, it stops, and it goes on from any yield with the same bits."""

from __future__ import annotations

import hashlib
import json
import math
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.workers.engine import problems
from workers.engine import forward
from workers.engine.network import Network
from workers.engine.spec import (
    AdamSpec,
    BinaryCrossEntropySpec,
    DenseSpec,
    EarlyStoppingSpec,
    MseSpec,
    NetworkSpec,
    Optimizer,
    Precision,
    SgdSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)
from workers.engine.training import TrainingData, TrainingState, train

if TYPE_CHECKING:
    from collections.abc import Callable

PRECISIONS: tuple[Precision, ...] = ("float32", "float64")


def classifier(**changes: Any) -> TrainingSpec:
    fields: dict[str, Any] = {"epochs": 6, "batch_size": 32, "loss": SoftmaxCrossEntropySpec()}
    return TrainingSpec(**(fields | changes))


def digest(state: TrainingState) -> str:
    found = hashlib.sha256(json.dumps(state.scalars(), sort_keys=True).encode())
    for name, array in sorted(state.arrays().items()):
        found.update(name.encode() + array.tobytes())
    return found.hexdigest()


def ticking(step_s: float) -> Callable[[], float]:
    """A clock that shows `step_s` more at every look."""
    ticks = count()
    return lambda: step_s * next(ticks)


def test_a_line_is_recovered_without_any_layer() -> None:
    """The least-squares line is the exact answer; descent on all rows comes within 1e-9 of it."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (64, 1))
    y = 3.0 * x - 1.25 + 0.1 * rng.normal(size=x.shape)
    network = Network(NetworkSpec(), n_inputs=1, n_outputs=1, output_activation="identity")
    spec = TrainingSpec(
        epochs=400,
        batch_size=64,
        loss=MseSpec(),
        optimizer=SgdSpec(learning_rate=0.2),
        precision="float64",
    )
    state, _ = problems.run_to_end(network, TrainingData(x, y), spec)
    exact, *_ = np.linalg.lstsq(np.hstack([x, np.ones_like(x)]), y, rcond=None)
    np.testing.assert_allclose(state.parameters, exact[:, 0], atol=1e-9)
    assert state.parameters == pytest.approx([3.0, -1.25], abs=0.05)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_exclusive_or_is_learned(precision: Precision) -> None:
    """What no single layer can do (Minsky and Papert 1969)."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    spec = TrainingSpec(
        epochs=500,
        batch_size=4,
        loss=BinaryCrossEntropySpec(),
        optimizer=AdamSpec(learning_rate=0.05),
        precision=precision,
    )
    network = problems.network((2, 8, 1), "tanh", "sigmoid")
    state, progress = problems.run_to_end(network, TrainingData(X, y), spec)
    answers = forward.outputs(network, state.parameters, X)
    assert np.abs(answers - y).max() < 0.02
    first, last = progress[0].report, progress[-1].report
    assert first is not None
    assert last is not None
    assert last.train_loss < 0.02 < math.log(2) / 2 < first.train_loss


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    "optimizer", [SgdSpec(), SgdSpec(momentum=0.9, nesterov=True), AdamSpec()], ids=lambda o: o.type
)
def test_training_on_from_any_yield_gives_the_same_bits(
    precision: Precision, optimizer: Optimizer
) -> None:
    """With a yield after every step; also from the middle of an epoch, through plain parts."""
    network = problems.network((4, 9, 7, 3), "relu", "softmax")
    data, seed = problems.classes(), 5
    spec = classifier(
        epochs=3,
        optimizer=optimizer,
        precision=precision,
        early_stopping=EarlyStoppingSpec(patience=2),
    )
    undisturbed, _ = problems.run_to_end(network, data, spec, seed)

    state = TrainingState.initial(network, spec, seed)
    checkpoints = []
    for progress in train(network, state, data, spec, seed, clock=ticking(1.0)):
        scalars = json.loads(json.dumps(state.scalars()))
        checkpoints.append(TrainingState.from_parts(state.arrays(), scalars))
        assert progress.step == state.step
    assert digest(state) == digest(undisturbed)
    assert [c.step for c in checkpoints] == list(range(1, 16))
    for checkpoint in checkpoints:
        for _ in train(network, checkpoint, data, spec, seed):
            pass
        assert digest(checkpoint) == digest(undisturbed)


def test_another_seed_is_another_training() -> None:
    network, data = problems.network((4, 9, 3), output="softmax"), problems.classes()
    states = [problems.run_to_end(network, data, classifier(), seed)[0] for seed in (1, 1, 2)]
    assert digest(states[0]) == digest(states[1]) != digest(states[2])


def test_it_yields_before_a_tenth_of_a_second_of_work() -> None:
    """By a clock that shows 1/128 s more at every look; and at the end of each epoch."""
    data = problems.classes(n_rows=400)
    network, spec = problems.network((4, 3), output="softmax"), classifier(epochs=2, batch_size=2)
    state = TrainingState.initial(network, spec, 0)
    steps = [p.step for p in train(network, state, data, spec, 0, clock=ticking(1 / 128))]
    assert 1 < max(np.diff([0, *steps])) < 128 / 10
    assert {200, 400} <= set(steps)


def test_a_report_says_what_the_epoch_came_to() -> None:
    """With a learning rate too small to move, every loss must be that of the initial weights."""
    data = problems.classes(n_rows=150)
    network = problems.network((4, 6, 3), output="softmax")
    still = classifier(epochs=2, optimizer=SgdSpec(learning_rate=1e-11), precision="float64")
    state, progress = problems.run_to_end(network, data, still)
    reports = [p.report for p in progress if p.report is not None]
    assert [report.epoch for report in reports] == [1, 2]
    initial = TrainingState.initial(network, still, 0).parameters

    def loss(X: Any, y: Any) -> float:
        p = forward.outputs(network, initial, X)
        return float(-np.log(p[np.arange(len(y)), y]).mean())

    assert data.X_validation is not None
    for report in reports:
        assert report.train_loss == pytest.approx(loss(data.X, data.y), abs=1e-9)
        assert report.val_loss == pytest.approx(
            loss(data.X_validation, data.y_validation), abs=1e-9
        )
        assert report.val_outputs is not None
        np.testing.assert_allclose(
            report.val_outputs, forward.outputs(network, initial, data.X_validation), atol=1e-9
        )
        assert report.learning_rate == 1e-11
    assert state.stop_reason == "max_epochs"
    assert state.step == 2 * 5


def test_a_tail_batch_is_the_mean_over_its_own_rows() -> None:
    """Two batches, of 3 rows and of 1: plain descent moves by the mean of each."""
    X, y = np.zeros((4, 1)), np.array([[1.0], [1.0], [1.0], [5.0]])
    spec = TrainingSpec(
        epochs=1,
        batch_size=3,
        loss=MseSpec(),
        optimizer=SgdSpec(learning_rate=0.25),
        shuffle=False,
        precision="float64",
    )
    network = problems.network((1, 1))
    state, _ = problems.run_to_end(network, TrainingData(X, y), spec)
    # b: 0 -> 0 + .25 * 2 * 1 = .5 -> .5 + .25 * 2 * (5 - .5) = 2.75
    assert network.layout.views(state.parameters)["layers.0.bias"] == pytest.approx(2.75)


def test_early_stopping_returns_to_the_best_epoch() -> None:
    """Labels without meaning: validation gets worse, training better."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 6)), rng.integers(0, 2, 120)
    data = TrainingData(X[:60], y[:60], X[60:], y[60:])
    spec = classifier(
        epochs=200,
        batch_size=16,
        optimizer=AdamSpec(learning_rate=0.01),
        early_stopping=EarlyStoppingSpec(patience=4),
    )
    network = problems.network((6, 32, 2), output="softmax")
    state, progress = problems.run_to_end(network, data, spec)
    losses = [p.report.val_loss for p in progress if p.report and p.report.val_loss is not None]
    best = int(np.argmin(losses)) + 1
    assert state.stop_reason == "early_stopping"
    assert (state.best_epoch, state.best_value) == (best, min(losses))
    assert state.epoch == best + 4 == len(losses)
    until_best, _ = problems.run_to_end(
        network,
        data,
        classifier(epochs=best, batch_size=16, optimizer=AdamSpec(learning_rate=0.01)),
    )
    assert state.final_parameters(spec).tobytes() == until_best.parameters.tobytes()
    assert state.parameters.tobytes() != until_best.parameters.tobytes()


def test_an_improvement_smaller_than_the_margin_is_none() -> None:
    spec = classifier(
        epochs=50, early_stopping=EarlyStoppingSpec(patience=3, min_delta=1e5, restore_best=False)
    )
    network = problems.network((4, 3), output="softmax")
    state, _ = problems.run_to_end(network, problems.classes(), spec)
    assert (state.epoch, state.best_epoch, state.stop_reason) == (4, 1, "early_stopping")
    assert state.final_parameters(spec) is state.parameters


def test_early_stopping_can_watch_the_training_loss() -> None:
    data = problems.classes()
    spec = classifier(early_stopping=EarlyStoppingSpec(monitor="train_loss"))
    network = problems.network((4, 3), output="softmax")
    state, progress = problems.run_to_end(network, TrainingData(data.X, data.y), spec)
    losses = [p.report.train_loss for p in progress if p.report]
    assert state.best_value == min(losses)
    assert all(p.report.val_loss is None for p in progress if p.report)


def test_validation_loss_cannot_be_watched_without_validation_rows() -> None:
    data = problems.classes()
    spec = classifier(early_stopping=EarlyStoppingSpec())
    with pytest.raises(ValueError, match="needs validation rows"):
        problems.run_to_end(
            problems.network((4, 3), output="softmax"), TrainingData(data.X, data.y), spec
        )


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
    spec = classifier()
    state = TrainingState.initial(network, spec, 0)
    network.layout.views(state.parameters)["layers.1.bias"][2] = np.nan
    assert list(train(network, state, problems.classes(), spec, 0)) == []
    assert state.divergence is not None
    assert (state.divergence.step, state.divergence.tensor) == (1, "layers.1.bias")


def test_validation_rows_beyond_the_precision_are_a_divergence() -> None:
    """Squares of 1e30 overflow in float32: a loss that is not a number is never reported."""
    X = np.ones((8, 1))
    data = TrainingData(X, X, 1e30 * X, X)
    spec = TrainingSpec(epochs=3, batch_size=8, loss=MseSpec())
    state, progress = problems.run_to_end(problems.network((1, 1)), data, spec)
    assert [p for p in progress if p.report] == []
    assert state.divergence is not None
    assert state.divergence.tensor == "val_loss"


def test_a_finished_run_is_not_trained_further() -> None:
    network, data, spec = (
        problems.network((4, 3), output="softmax"),
        problems.classes(),
        classifier(),
    )
    state, _ = problems.run_to_end(network, data, spec)
    before = digest(state)
    assert list(train(network, state, data, spec, 0)) == []
    assert digest(state) == before


def test_layers_of_every_activation_learn_together() -> None:
    layers = tuple(
        DenseSpec(units=6, activation=activation)
        for activation in ("identity", "sigmoid", "tanh", "relu", "softmax")
    )
    network = Network(
        NetworkSpec(layers=layers), n_inputs=4, n_outputs=3, output_activation="softmax"
    )
    spec = classifier(epochs=120, optimizer=AdamSpec(learning_rate=0.02))
    _, progress = problems.run_to_end(network, problems.classes(), spec)
    losses = [p.report.train_loss for p in progress if p.report]
    assert losses[-1] < 0.6 * losses[0]
