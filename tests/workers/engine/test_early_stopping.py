"""Early stopping: when it ends a training, and which weights it keeps."""

from __future__ import annotations

import numpy as np
import pytest

from tests.workers.engine import problems
from workers.engine.spec import (
    AdamSpec,
    EarlyStoppingSpec,
)
from workers.engine.training import TrainingData


def test_early_stopping_returns_to_the_best_epoch() -> None:
    """Labels without meaning: validation gets worse, training better."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 6)), rng.integers(0, 2, 120)
    data = TrainingData(X[:60], y[:60], X[60:], y[60:])
    spec = problems.classifier(
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
        problems.classifier(epochs=best, batch_size=16, optimizer=AdamSpec(learning_rate=0.01)),
    )
    assert state.final_parameters(spec).tobytes() == until_best.parameters.tobytes()
    assert state.parameters.tobytes() != until_best.parameters.tobytes()


def test_an_improvement_smaller_than_the_margin_is_none() -> None:
    spec = problems.classifier(
        epochs=50, early_stopping=EarlyStoppingSpec(patience=3, min_delta=1e5, restore_best=False)
    )
    network = problems.network((4, 3), output="softmax")
    state, _ = problems.run_to_end(network, problems.classes(), spec)
    assert (state.epoch, state.best_epoch, state.stop_reason) == (4, 1, "early_stopping")
    np.testing.assert_array_equal(state.final_parameters(spec), state.parameters)


def test_early_stopping_can_watch_the_training_loss() -> None:
    data = problems.classes()
    spec = problems.classifier(early_stopping=EarlyStoppingSpec(monitor="train_loss"))
    network = problems.network((4, 3), output="softmax")
    state, progress = problems.run_to_end(network, TrainingData(data.X, data.y), spec)
    losses = [p.report.train_loss for p in progress if p.report]
    assert state.best_value == min(losses)
    assert all(p.report.val_loss is None for p in progress if p.report)


def test_validation_loss_cannot_be_watched_without_validation_rows() -> None:
    data = problems.classes()
    spec = problems.classifier(early_stopping=EarlyStoppingSpec())
    with pytest.raises(ValueError, match="needs validation rows"):
        problems.run_to_end(
            problems.network((4, 3), output="softmax"), TrainingData(data.X, data.y), spec
        )


def test_a_figure_that_nobody_measures_cannot_be_watched() -> None:
    spec = problems.classifier(early_stopping=EarlyStoppingSpec(monitor="val_auc"))
    with pytest.raises(ValueError, match="val_auc is not measured"):
        problems.run_to_end(problems.network((4, 3), output="softmax"), problems.classes(), spec)
