"""Small problems to take a step of, for any part of the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.kernels.plain import PLAIN
from workers.engine.network import Category, Network
from workers.engine.problem import Problem, TrainingData
from workers.engine.spec import (
    MseSpec,
    NetworkSpec,
    OutputSpec,
    SgdSpec,
    TrainingSpec,
)
from workers.engine.trace.step import trace_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engine.spec import Layer, Loss, OutputActivation

N_ROWS, N_INPUTS, N_OUTPUTS, N_LEVELS = 5, 4, 3, 3
CATEGORIES = {"kind": Category(index=1, levels=N_LEVELS)}


def problem(
    layers: tuple[Layer, ...] = (),
    loss: Loss | None = None,
    output: OutputActivation = "identity",
    *,
    network: dict[str, Any] | None = None,
    weights: bool = False,
    seed: int = 3,
    **training: Any,
) -> Problem:
    """A problem of five rows, four inputs (one of them codes) and three outputs."""
    rng = np.random.default_rng(seed)
    loss = loss or MseSpec()
    X = rng.normal(size=(N_ROWS, N_INPUTS))
    X[:, 1] = rng.integers(0, N_LEVELS, N_ROWS)
    fields = {"output": OutputSpec(activation=output), **(network or {})}
    spec = NetworkSpec(layers=layers, **fields)
    made = Network(
        spec,
        n_inputs=N_INPUTS,
        n_outputs=N_OUTPUTS,
        output_activation=output,
        categories=CATEGORIES if spec.embeddings else None,
    )
    data = TrainingData(
        X=X,
        y=_targets(loss, output, rng),
        weights=rng.uniform(0.1, 2.0, N_ROWS) if weights else None,
    )
    chosen = {"optimizer": SgdSpec(learning_rate=0.05), **training}
    training_spec = TrainingSpec(
        epochs=1, batch_size=N_ROWS, loss=loss, precision="float64", **chosen
    )
    return Problem(made, data, training_spec, seed, PLAIN)


def traced(asked: Problem) -> dict[str, Any]:
    """The first step of a problem as plain data."""
    parameters = asked.network.initial_parameters(asked.seed, np.float64)
    # Every tensor away from the values at which it starts, which would hide mistakes.
    rng = np.random.default_rng(asked.seed)
    parameters[: asked.network.n_trainable] += rng.normal(0.0, 0.1, asked.network.n_trainable)
    found, _ = trace_step(asked, parameters)
    return found


def _targets(loss: Loss, output: str, rng: np.random.Generator) -> NDArray[Any]:
    match loss.type:
        case "softmax_cross_entropy":
            return rng.integers(0, N_OUTPUTS, N_ROWS)
        case "focal" if output == "softmax":
            return rng.integers(0, N_OUTPUTS, N_ROWS)
        case "focal" | "binary_cross_entropy":
            return rng.integers(0, 2, (N_ROWS, N_OUTPUTS)).astype(np.float64)
        case "poisson":
            return rng.poisson(2.0, (N_ROWS, N_OUTPUTS)).astype(np.float64)
        case _:
            return rng.normal(size=(N_ROWS, N_OUTPUTS))
