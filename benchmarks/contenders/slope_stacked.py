"""Many networks of one shape with our engine: as one stack, or one after the other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.contenders.catalogue import MEMBERS
from benchmarks.contenders.kernel_forms import kernels_named
from benchmarks.contenders.stopwatch import TimedEpochs, timed
from workers.engine.network import Network
from workers.engine.problem import Problem, TrainingData
from workers.engine.spec import (
    AdamSpec,
    DenseSpec,
    NetworkSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)
from workers.engine.stacked import train_stacked
from workers.engine.state import TrainingState
from workers.engine.training import train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.shapes import Shape
    from workers.engine.kernels.contract import Kernels


def _stacked(form: str, shape: Shape, X: Any, y: Any) -> TimedEpochs:
    kernels, data = kernels_named(form), TrainingData(X, y)

    def run(epochs: int) -> None:
        problems = _members(shape, data, kernels, epochs)
        for _ in train_stacked(problems, _initial(problems)):
            pass

    return timed(run)


def _alone(form: str, shape: Shape, X: Any, y: Any) -> TimedEpochs:
    kernels, data = kernels_named(form), TrainingData(X, y)

    def run(epochs: int) -> None:
        problems = _members(shape, data, kernels, epochs)
        for one, state in zip(problems, _initial(problems), strict=True):
            for _ in train(one.network, state, data, one.spec, one.seed, kernels=kernels):
                pass

    return timed(run)


stacked_plain, stacked_compiled, stacked_chunk = (
    partial(_stacked, form) for form in ("plain", "compiled", "chunk")
)
alone_plain, alone_compiled, alone_chunk = (
    partial(_alone, form) for form in ("plain", "compiled", "chunk")
)


def _members(shape: Shape, data: TrainingData, kernels: Kernels, epochs: int) -> list[Problem]:
    """Each with its own seed, so its own shuffle, and its own learning rate."""
    hidden = tuple(DenseSpec(units=units, activation="relu") for units in shape.widths[1:-1])
    network = Network(
        NetworkSpec(layers=hidden),
        n_inputs=shape.widths[0],
        n_outputs=shape.widths[-1],
        output_activation="softmax",
    )
    specs = [
        TrainingSpec(
            epochs=epochs,
            batch_size=shape.batch_size,
            loss=SoftmaxCrossEntropySpec(),
            optimizer=AdamSpec(learning_rate=1e-4 * (1 + member)),
        )
        for member in range(MEMBERS)
    ]
    return [Problem(network, data, spec, seed, kernels) for seed, spec in enumerate(specs)]


def _initial(problems: Sequence[Problem]) -> list[TrainingState]:
    return [TrainingState.initial(one.network, one.spec, one.seed) for one in problems]
