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
    TrainingSpec,
)
from workers.engine.training import TrainingData, TrainingState, train

if TYPE_CHECKING:
    from collections.abc import Callable

PRECISIONS: tuple[Precision, ...] = ("float32", "float64")


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
    spec = problems.classifier(
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
    states = [
        problems.run_to_end(network, data, problems.classifier(), seed)[0] for seed in (1, 1, 2)
    ]
    assert digest(states[0]) == digest(states[1]) != digest(states[2])


def test_it_yields_before_a_tenth_of_a_second_of_work() -> None:
    """By a clock that shows 1/128 s more at every look; and at the end of each epoch."""
    data = problems.classes(n_rows=400)
    network, spec = (
        problems.network((4, 3), output="softmax"),
        problems.classifier(epochs=2, batch_size=2),
    )
    state = TrainingState.initial(network, spec, 0)
    steps = [p.step for p in train(network, state, data, spec, 0, clock=ticking(1 / 128))]
    assert 1 < max(np.diff([0, *steps])) < 128 / 10
    assert {200, 400} <= set(steps)


def test_a_report_says_what_the_epoch_came_to() -> None:
    """With a learning rate too small to move, every loss must be that of the initial weights."""
    data = problems.classes(n_rows=150)
    network = problems.network((4, 6, 3), output="softmax")
    still = problems.classifier(
        epochs=2, optimizer=SgdSpec(learning_rate=1e-11), precision="float64"
    )
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


def test_a_finished_run_is_not_trained_further() -> None:
    network, data, spec = (
        problems.network((4, 3), output="softmax"),
        problems.classes(),
        problems.classifier(),
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
    spec = problems.classifier(epochs=120, optimizer=AdamSpec(learning_rate=0.02))
    _, progress = problems.run_to_end(network, problems.classes(), spec)
    losses = [p.report.train_loss for p in progress if p.report]
    assert losses[-1] < 0.6 * losses[0]
