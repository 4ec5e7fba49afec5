"""Our engine: as a worker of the service uses it, and in parts of that."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from benchmarks.contenders.kernel_forms import SERVED, kernels_named
from benchmarks.contenders.stopwatch import TimedEpochs, timed
from workers.engine.network import Network
from workers.engine.spec import DenseSpec, NetworkSpec, SoftmaxCrossEntropySpec, TrainingSpec
from workers.engine.training import TrainingData, TrainingState, train
from workers.modelling.codec import states_to_bytes
from workers.modelling.epoch_measure import epoch_measure
from workers.modelling.targets import ClassTarget
from workers.runner import CHECKPOINT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.shapes import Shape
    from workers.engine.training import EpochReport

VALIDATION_SHARE = 0.2
ENDLESS = 1_000_000_000


def served(shape: Shape, X: Any, y: Any) -> TimedEpochs:
    """With all that a worker does for a run without validation rows."""
    return _served(shape, TrainingData(X, y))


def served_with_validation(shape: Shape, X: Any, y: Any) -> TimedEpochs:
    """The same with the service's default split: as many rows train, a fifth of all judge.

    With the loss and the figures that a classification has after every epoch.
    """
    n_validation = round(shape.rows * VALIDATION_SHARE / (1.0 - VALIDATION_SHARE))
    held_out, truth = X[:n_validation].copy(), y[:n_validation].copy()
    classes = ClassTarget(tuple(map(str, range(shape.widths[-1]))))
    measure = epoch_measure(classes, truth)
    return _served(shape, TrainingData(X, y, held_out, truth, measure=measure))


def bare(shape: Shape, X: Any, y: Any) -> TimedEpochs:
    """The generator alone."""
    return _bare(shape, TrainingData(X, y), SERVED)


def op_by_op(shape: Shape, X: Any, y: Any) -> TimedEpochs:
    """The generator alone, every operation a compiled one."""
    return _bare(shape, TrainingData(X, y), "compiled")


def plain(shape: Shape, X: Any, y: Any) -> TimedEpochs:
    """The generator alone, every operation NumPy's."""
    return _bare(shape, TrainingData(X, y), "plain")


def _bare(shape: Shape, data: TrainingData, kernels: str) -> TimedEpochs:
    *_, reports = _training(shape, data, kernels)

    def run(epochs: int) -> None:
        for _ in range(epochs):
            next(reports)

    return timed(run)


def _served(shape: Shape, data: TrainingData) -> TimedEpochs:
    network, state, reports = _training(shape, data, SERVED)
    train_on = timed(lambda epochs: list(islice(reports, epochs)))
    write = timed(lambda _: states_to_bytes([state], network.layout))

    def run(epochs: int) -> float:
        spent_s = train_on(epochs)
        # One is due every CHECKPOINT_S seconds, so a round bears the share of its length.
        return spent_s + write(1) * spent_s / CHECKPOINT_S

    return run


def _training(
    shape: Shape, data: TrainingData, kernels: str
) -> tuple[Network, TrainingState, Iterator[EpochReport]]:
    """One training that goes on from round to round, as the peers' do."""
    hidden = tuple(DenseSpec(units=units, activation="relu") for units in shape.widths[1:-1])
    network = Network(
        NetworkSpec(layers=hidden),
        n_inputs=shape.widths[0],
        n_outputs=shape.widths[-1],
        output_activation="softmax",
    )
    spec = TrainingSpec(epochs=ENDLESS, batch_size=shape.batch_size, loss=SoftmaxCrossEntropySpec())
    state = TrainingState.initial(network, spec, seed=0)
    steps = train(network, state, data, spec, seed=0, kernels=kernels_named(kernels))
    reports = (progress.report for progress in steps if progress.report is not None)
    return network, state, reports
