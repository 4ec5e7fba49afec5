"""What a specification adds to plain steps: weights, accumulation, averages, schedules, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.workers.engine import problems
from workers.engine import forward
from workers.engine.network import Network
from workers.engine.spec import (
    AdamSpec,
    BinaryCrossEntropySpec,
    CosineSchedule,
    DenseSpec,
    DropoutSpec,
    EarlyStoppingSpec,
    FocalSpec,
    Loss,
    MseSpec,
    NetworkSpec,
    ReduceOnPlateauSchedule,
    SgdSpec,
    SoftmaxCrossEntropySpec,
)
from workers.engine.state import TrainingState
from workers.engine.training import EpochReport, TrainingData, train

if TYPE_CHECKING:
    from workers.engine.spec import Activation
    from workers.engine.training import Progress

HEADS: list[tuple[Loss, Activation]] = [
    (MseSpec(), "identity"),
    (BinaryCrossEntropySpec(label_smoothing=0.1), "sigmoid"),
    (SoftmaxCrossEntropySpec(), "softmax"),
    (FocalSpec(), "softmax"),
]


def reports(progress: list[Progress]) -> list[EpochReport]:
    return [p.report for p in progress if p.report is not None]


@pytest.mark.parametrize(("loss", "output"), HEADS, ids=lambda part: getattr(part, "type", part))
def test_weights_train_as_repeated_rows_do(loss: Loss, output: Activation) -> None:
    """On full batches, through the optimiser and in the losses reported: to 1e-12."""
    rng = np.random.default_rng(0)
    X, times = rng.normal(size=(30, 4)), rng.integers(0, 4, 30)
    y: Any = rng.integers(0, 3, 30)
    if output != "softmax":
        y = problems.targets(rng, loss, (30, 3))
    rows = np.repeat(np.arange(30), times)
    network = problems.network((4, 7, 3), "tanh", output)
    weights = times.astype(np.float64)
    found = []
    for data in (
        TrainingData(X, y, X, y, weights=weights, weights_validation=weights),
        TrainingData(X[rows], y[rows], X[rows], y[rows]),
    ):
        spec = problems.classifier(
            epochs=20, batch_size=200, loss=loss, shuffle=False, precision="float64"
        )
        state, progress = problems.run_to_end(network, data, spec)
        losses = [(r.train_loss, r.val_loss) for r in reports(progress)]
        found.append((state.parameters, np.array(losses, float)))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-12)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-12)


def test_the_loss_of_a_weighted_epoch_is_a_mean_by_weights() -> None:
    """sum w l / sum w over all rows, also where batches weigh very differently."""
    data = problems.classes(n_rows=70)
    weights = np.random.default_rng(1).exponential(1.0, 70) ** 4
    weights[:20] = 0.0
    still = problems.classifier(
        epochs=2, batch_size=16, optimizer=SgdSpec(learning_rate=1e-11), precision="float64"
    )
    network = problems.network((4, 6, 3), output="softmax")
    weighted = TrainingData(data.X, data.y, weights=weights)
    state, progress = problems.run_to_end(network, weighted, still)
    p = forward.outputs(network, state.parameters, data.X)[np.arange(70), data.y]
    expected = -(weights * np.log(p)).sum() / weights.sum()
    for report in reports(progress):
        assert report.train_loss == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_scale_of_the_weights_does_not_matter(scale: float) -> None:
    """In float32, where neither could be written."""
    data = problems.classes()
    network = problems.network((4, 6, 3), output="softmax")
    weights = np.random.default_rng(3).uniform(size=len(data.X))
    found = []
    for factor in (1.0, scale):
        scaled = TrainingData(data.X, data.y, weights=factor * weights)
        state, progress = problems.run_to_end(network, scaled, problems.classifier())
        found.append((state.parameters, [r.train_loss for r in reports(progress)]))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5)
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-5)


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("n_rows", [96, 90, 70])
def test_accumulated_batches_are_one_larger_batch(n_rows: int, weighted: bool) -> None:
    """Three batches of 8 step like one of 24, the last group of the epoch and its tail included."""
    data = problems.classes(n_rows=n_rows)
    weights = np.random.default_rng(2).uniform(0, 2, n_rows) if weighted else None
    data = TrainingData(data.X, data.y, data.X_validation, data.y_validation, weights=weights)
    network = problems.network((4, 7, 3), "tanh", "softmax")
    found = []
    for batch_size, accumulate in ((8, 3), (24, 1)):
        spec = problems.classifier(
            batch_size=batch_size,
            accumulate=accumulate,
            schedule=CosineSchedule(),
            clip_norm=0.3,
            precision="float64",
        )
        state, progress = problems.run_to_end(network, data, spec)
        assert state.step == 6 * -(-n_rows // 24)
        losses = [[r.train_loss, r.val_loss, r.learning_rate] for r in reports(progress)]
        found.append((state.parameters, np.array(losses)))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-13)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-12)


def test_an_average_of_the_weights_is_what_is_validated_and_kept() -> None:
    """e = d e + (1 - d) w after each step, from the initial weights on, which go their own way."""
    data, network = problems.classes(), problems.network((4, 5, 3), output="softmax")
    spec = problems.classifier(epochs=2, ema_decay=0.9, precision="float64")
    state = TrainingState.initial(network, spec, 0)
    average = state.parameters.copy()
    for progress in train(network, state, data, spec, 0, clock=iter(range(10**6)).__next__):
        average += 0.1 * (state.parameters - average)
        report = progress.report
    np.testing.assert_allclose(state.final_parameters(spec), average, rtol=1e-13)
    assert report is not None
    assert report.val_outputs is not None
    assert data.X_validation is not None
    expected = forward.outputs(network, average, data.X_validation)
    np.testing.assert_allclose(report.val_outputs, expected, rtol=1e-12)
    without, _ = problems.run_to_end(
        network, data, problems.classifier(epochs=2, precision="float64")
    )
    assert state.parameters.tobytes() == without.parameters.tobytes()


def test_the_best_epoch_keeps_the_average_of_that_epoch() -> None:
    data, network = problems.classes(), problems.network((4, 5, 3), output="softmax")
    stopping = EarlyStoppingSpec(monitor="val_accuracy", mode="max", patience=1)
    worse = iter(range(100, 0, -1))
    data = TrainingData(
        data.X,
        data.y,
        data.X_validation,
        data.y_validation,
        measure=lambda _: {"val_accuracy": float(next(worse))},
    )
    spec = problems.classifier(epochs=9, ema_decay=0.9, early_stopping=stopping)
    state, _ = problems.run_to_end(network, data, spec)
    assert (state.epoch, state.best_epoch, state.best_value) == (2, 1, 100.0)
    one, _ = problems.run_to_end(network, data, problems.classifier(epochs=1, ema_decay=0.9))
    assert one.average is not None
    assert state.final_parameters(spec).tobytes() == one.average.tobytes()


def test_the_reported_rate_is_that_of_the_last_step_of_the_epoch() -> None:
    spec = problems.classifier(
        epochs=4, optimizer=AdamSpec(learning_rate=0.1), schedule=CosineSchedule()
    )
    _, progress = problems.run_to_end(
        problems.network((4, 3), output="softmax"), problems.classes(), spec
    )
    steps = np.arange(1, 5) * 5 - 1
    expected = 0.1 * (1 + np.cos(np.pi * steps / 20)) / 2
    assert [r.learning_rate for r in reports(progress)] == pytest.approx(expected.tolist())


def test_every_epoch_drops_other_units() -> None:
    """Standing still on the same rows in the same order, only the masks can change the loss."""
    spec = problems.classifier(
        epochs=4, shuffle=False, optimizer=SgdSpec(learning_rate=1e-11), precision="float64"
    )
    layers = (DenseSpec(units=8), DropoutSpec(rate=0.5))
    network = Network(
        NetworkSpec(layers=layers), n_inputs=4, n_outputs=3, output_activation="softmax"
    )
    _, progress = problems.run_to_end(network, problems.classes(), spec)
    losses = [r.train_loss for r in reports(progress)]
    assert np.abs(np.diff(np.sort(losses))).min() > 1e-4


def measured(name: str, values: list[float]) -> TrainingData:
    """Validation figures as a list says."""
    data, following = problems.classes(), iter(values)
    return TrainingData(
        data.X,
        data.y,
        data.X_validation,
        data.y_validation,
        measure=lambda _: {name: next(following)},
    )


@pytest.mark.parametrize(
    ("monitor", "mode", "values", "best", "end"),
    [
        ("val_accuracy", "auto", [0.5, 0.7, 0.6, 0.7, 0.9], 2, 4),
        ("val_rmse", "auto", [5.0, 3.0, 4.0, 3.0, 1.0], 2, 4),
        ("val_accuracy", "min", [0.5, 0.7, 0.6, 0.4, 0.9], 1, 3),
        ("val_r2", "auto", [-3.0, float("nan"), -1.0, float("nan"), -2.0], 3, 5),
        ("val_auc", "auto", [float("nan"), float("nan"), 0.5, 0.5, 0.5], 0, 2),
    ],
)
def test_any_figure_may_be_watched_in_its_direction(
    monitor: Any, mode: Any, values: list[float], best: int, end: int
) -> None:
    """Two epochs without an improvement end it; a figure that is undefined is none."""
    stopping = EarlyStoppingSpec(monitor=monitor, mode=mode, patience=2)
    spec = problems.classifier(epochs=5, early_stopping=stopping)
    network = problems.network((4, 3), output="softmax")
    state, progress = problems.run_to_end(network, measured(monitor, values), spec)
    assert (state.best_epoch, state.epoch) == (best, end)
    found = [r.metrics[monitor] for r in reports(progress)]
    np.testing.assert_array_equal(found, values[:end])


def test_a_plateau_lowers_the_rate_as_pytorch_does() -> None:
    """Relative threshold 0.1, patience 1: down when a second bad epoch has passed, and again."""
    values = [1.0, 0.95, 0.91, 0.5, 0.46, 0.47, 0.44, 0.1, 0.1]
    spec = problems.classifier(
        epochs=9,
        optimizer=SgdSpec(learning_rate=1.0),
        schedule=ReduceOnPlateauSchedule(factor=0.5, patience=1, threshold=0.1, final=0.3),
        early_stopping=EarlyStoppingSpec(monitor="val_log_loss", patience=100),
    )
    _, progress = problems.run_to_end(
        problems.network((4, 3), output="softmax"), measured("val_log_loss", values), spec
    )
    # Bad are 0.95, 0.91 (down), not 0.5, bad 0.46, 0.47 (down to the floor), not 0.44 nor 0.1.
    rates = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]
    assert [r.learning_rate for r in reports(progress)] == pytest.approx(rates)


def test_below_zero_a_plateau_still_knows_better_from_worse() -> None:
    """Poisson losses may be negative: ten percent better than -1 is -1.1, not -0.9."""
    spec = problems.classifier(
        epochs=3,
        optimizer=SgdSpec(learning_rate=1.0),
        schedule=ReduceOnPlateauSchedule(factor=0.5, patience=1, threshold=0.1),
        early_stopping=EarlyStoppingSpec(monitor="val_log_loss", patience=100),
    )
    network = problems.network((4, 3), output="softmax")
    for values, factor in (([-1.0, -0.95, -1.05], 0.5), ([-1.0, -0.95, -1.2], 1.0)):
        state, _ = problems.run_to_end(network, measured("val_log_loss", values), spec)
        assert state.plateau_factor == factor
