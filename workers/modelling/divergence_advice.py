"""What may keep a training that diverged among the finite numbers, from how it diverged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from workers.engine.training import Divergence
    from workers.modelling.estimator import Prepared

_LARGE = 100.0
"""Standardised numbers stay below; a gradient grows with the square of the inputs."""

_NEAR_OVERFLOW = 1e15
"""What is squared beyond this leaves the range of float32 after a few steps or products."""


@dataclass(frozen=True)
class Suggestion:
    """A field of the run's request (RFC 6901) with a value that may help, and why, in words."""

    code: Literal["scaling", "normalisation", "learning_rate", "clip_norm", "precision"]
    pointer: str
    value: float | str
    detail: str


def suggest(prepared: Prepared, at: Divergence) -> Suggestion:
    """The change that most likely helps, the likeliest cause first.

    Data as it is with large numbers in it; a network that overflows as it starts; a learning rate
    above the optimiser's usual one; gradients that nothing bounds; numbers that float32 cannot
    hold; else the learning rate.
    """
    training = prepared.plan.training
    optimizer = training.optimizer
    largest = _largest(prepared) if prepared.plan.preprocessing == "none" else 0.0
    if largest > _LARGE:
        return _scaling(largest)
    if _is_before_any_step(at) and optimizer.type != "lbfgs":
        return _normalisation()
    if optimizer.learning_rate > type(optimizer)().learning_rate:
        return _learning_rate(optimizer.learning_rate)
    if training.clip_norm is None and optimizer.type != "lbfgs":
        detail = "Nothing bounds the gradient: try a clip_norm of 1."
        return Suggestion("clip_norm", "/training/clip_norm", 1.0, detail)
    if training.precision == "float32" and at.norm > _NEAR_OVERFLOW:
        detail = "The numbers outgrow float32: try float64."
        return Suggestion("precision", "/training/precision", "float64", detail)
    return _learning_rate(optimizer.learning_rate)


def _scaling(largest: float) -> Suggestion:
    detail = (
        f"The numbers of the data go up to {largest:.3g}, and a gradient grows with their square: "
        'try "preprocessing": "standard".'
    )
    return Suggestion("scaling", "/preprocessing", "standard", detail)


def _is_before_any_step(at: Divergence) -> bool:
    """Whether the first forward pass went wrong; L-BFGS alone makes one on other weights, too."""
    return at.step == 1 and (at.tensor == "loss" or at.tensor.endswith(".output"))


def _normalisation() -> Suggestion:
    detail = (
        "The weights overflow as they start, before any step: try a layer_norm behind each dense "
        "layer, or a bounded activation such as tanh."
    )
    return Suggestion("normalisation", "/network/layers", "layer_norm", detail)


def _learning_rate(rate: float) -> Suggestion:
    smaller = rate / 10
    detail = f"The steps are too long: try a learning rate of {smaller:.3g} in place of {rate:.3g}."
    return Suggestion("learning_rate", "/training/optimizer/learning_rate", smaller, detail)


def _largest(prepared: Prepared) -> float:
    """The largest absolute number among inputs and targets, which are not copied for it."""
    arrays: list[NDArray[np.floating]] = [prepared.data.X]
    if prepared.plan.task == "regression":
        arrays.append(prepared.data.y)
    return max(float(bound) for array in arrays for bound in (array.max(), -array.min()))
