"""Activations, losses and norms, each on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.parity import catalogue
from tests.parity.case import Case
from tests.parity.draws import Draws
from tests.parity.specs import to_plain
from workers.engine.losses import OUTPUT_ACTIVATIONS
from workers.engine.spec import (
    BatchNormSpec,
    BinaryCrossEntropySpec,
    FocalSpec,
    HuberSpec,
    LayerNormSpec,
    Loss,
    MaeSpec,
    MseSpec,
    PoissonSpec,
    QuantileSpec,
    SoftmaxCrossEntropySpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LOSSES: tuple[Loss, ...] = (
    MseSpec(),
    MaeSpec(),
    HuberSpec(),
    HuberSpec(delta=0.3),
    QuantileSpec(),
    QuantileSpec(quantile=0.9),
    PoissonSpec(),
    BinaryCrossEntropySpec(),
    BinaryCrossEntropySpec(label_smoothing=0.1),
    SoftmaxCrossEntropySpec(),
    SoftmaxCrossEntropySpec(label_smoothing=0.1),
    FocalSpec(),
    FocalSpec(gamma=0.5),
    FocalSpec(gamma=0.0),
)
NORMS: tuple[BatchNormSpec | LayerNormSpec, ...] = (
    BatchNormSpec(),
    BatchNormSpec(momentum=0.5, epsilon=1e-3),
    LayerNormSpec(),
    LayerNormSpec(epsilon=1e-3),
)
CONFIDENT = {"binary_cross_entropy", "softmax_cross_entropy", "focal"}
"""The losses that take logits of any size."""


def heads() -> Iterator[tuple[Loss, str]]:
    """Every loss with every output activation that it goes with."""
    for loss in LOSSES:
        for activation in OUTPUT_ACTIVATIONS[loss.type]:
            yield loss, activation


def activations(seed: int) -> Iterator[Case]:
    """Values and slopes, also far from 0."""
    for activation in catalogue.ACTIVATIONS:
        name = f"activation {activation}"
        draws = Draws(seed, name)
        far = 30.0 if activation == "exponential" else 900.0
        z = np.concatenate([draws.normal((6, 5), 3.0), [[-far, -40.0, 0.5, 20.0, far]]])
        inputs = {"z": z, "da": draws.normal(z.shape)}
        if activation == "prelu":
            inputs["slope"] = draws.normal((5,), 0.3)
        yield Case(name, "activation", {"activation": activation}, inputs, stored=True)


def losses(seed: int) -> Iterator[Case]:
    """Value and gradient, with and without weights of the rows, at small and huge scores."""
    for loss, activation in heads():
        for size in _sizes(loss, activation):
            for weighted in (False, True):
                name = f"loss {label(loss)} {activation} x{size:g}{' weighted' * weighted}"
                draws = Draws(seed, name)
                shape = (6, 3)
                inputs = {"z": draws.normal(shape, size)}
                inputs["y"] = targets(draws, loss, activation, shape)
                if weighted:
                    inputs["weights"] = row_weights(draws, 6)
                options = {"loss": to_plain(loss), "activation": activation}
                yield Case(name, "loss", options, inputs, stored=weighted and size != 900.0)


def norms(seed: int) -> Iterator[Case]:
    """Three batches of training, then one of prediction with the running statistics."""
    for norm in NORMS:
        name = f"norm {label(norm)}"
        draws = Draws(seed, name)
        rows, width = (6, 4) if seed == 0 else (8, 4 + int(draws.integers(20, ())))
        inputs = {
            "X": draws.normal((3, rows, width), 2.0) + draws.normal((width,)),
            "dA": draws.normal((3, rows, width)),
            "scale": draws.normal((width,)),
            "shift": draws.normal((width,)),
        }
        yield Case(name, "norm", {"norm": to_plain(norm)}, inputs, stored=True)


def targets(draws: Draws, loss: Loss, activation: str, shape: tuple[int, int]) -> NDArray[Any]:
    """Targets of the kind that the loss takes, for scores (B, K)."""
    if "softmax" in activation and loss.type in CONFIDENT:
        return draws.integers(shape[1], shape[:1])
    if loss.type in CONFIDENT:
        return draws.integers(2, shape).astype(np.float64)
    if loss.type == "poisson":
        return draws.integers(6, shape).astype(np.float64)
    return draws.normal(shape)


def row_weights(draws: Draws, rows: int) -> NDArray[Any]:
    """Some of them 0, but never the first and the last."""
    weights = np.maximum(draws.uniform((rows,)) * 3.0 - 0.5, 0.0)
    weights[[0, -1]] = 1.0
    return weights


def label(value: Any) -> str:
    """The type of a specification, with what is not its default."""
    changed = sorted(catalogue.turned(value))
    return " ".join([value.type, *(f"{name}={getattr(value, name)}" for name in changed)])


def _sizes(loss: Loss, activation: str) -> tuple[float, ...]:
    if activation == "exponential":
        return (1.0,)
    if loss.type == "focal" and getattr(loss, "gamma", 0.0) != 2.0:
        return (1.0,)  # at gamma < 1 the slope at a probability of 1 is infinite
    return (1.0, 900.0, 1e4) if loss.type in CONFIDENT else (1.0, 900.0)
