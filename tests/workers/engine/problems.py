"""Small learning problems for the tests of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from workers.engine.network import Network
from workers.engine.spec import (
    Activation,
    DenseSpec,
    Loss,
    MseSpec,
    NetworkSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)
from workers.engine.training import Progress, TrainingData, TrainingState, train


def network(
    widths: tuple[int, ...], hidden: Activation = "relu", output: Activation = "identity"
) -> Network:
    """Widths from the inputs to the outputs."""
    layers = tuple(DenseSpec(units=units, activation=hidden) for units in widths[1:-1])
    return Network(
        NetworkSpec(layers=layers),
        n_inputs=widths[0],
        n_outputs=widths[-1],
        output_activation=output,
    )


def targets(rng: np.random.Generator, loss: Loss, shape: tuple[int, int]) -> Any:
    """Targets of the kind that the loss takes."""
    if isinstance(loss, SoftmaxCrossEntropySpec):
        return rng.integers(0, shape[1], shape[0])
    if isinstance(loss, MseSpec):
        return rng.normal(size=shape)
    return rng.integers(0, 2, shape).astype(np.float64)


def classes(n_rows: int = 150, n_validation: int = 50, seed: int = 0) -> TrainingData:
    """Three overlapping clouds in four dimensions."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n_rows + n_validation)
    X = rng.normal(size=(len(y), 4)) + 1.5 * np.eye(3, 4)[y]
    return TrainingData(X[:n_rows], y[:n_rows], X[n_rows:], y[n_rows:])


def classifier(**changes: Any) -> TrainingSpec:
    """Six epochs of Adam on class labels, but for the changes."""
    fields: dict[str, Any] = {"epochs": 6, "batch_size": 32, "loss": SoftmaxCrossEntropySpec()}
    return TrainingSpec(**(fields | changes))


def run_to_end(
    network: Network, data: TrainingData, spec: TrainingSpec, seed: int = 0
) -> tuple[TrainingState, list[Progress]]:
    """The final state and everything that was yielded."""
    state = TrainingState.initial(network, spec, seed)
    return state, list(train(network, state, data, spec, seed))
