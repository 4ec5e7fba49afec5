"""Every loss with output activations that it goes with, and what it makes of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine import losses
from workers.engine.kernels.plain import PLAIN
from workers.engine.spec import (
    Activation,
    BinaryCrossEntropySpec,
    FocalSpec,
    HuberSpec,
    Loss,
    MaeSpec,
    MseSpec,
    PoissonSpec,
    QuantileSpec,
    SoftmaxCrossEntropySpec,
)
from workers.engine.tensors import Memory

if TYPE_CHECKING:
    from workers.engine.backend import DType
    from workers.engine.tensors import Array, Shape

DOUBLE: DType = np.dtype(np.float64)
DTYPES: list[DType] = [np.dtype(np.float32), DOUBLE]

HEADS: list[tuple[Loss, Activation]] = [
    (MseSpec(), "identity"),
    (MseSpec(), "sigmoid"),
    (MseSpec(), "softmax"),
    (MaeSpec(), "identity"),
    (MaeSpec(), "tanh"),
    (HuberSpec(delta=0.7), "identity"),
    (HuberSpec(delta=100.0), "softplus"),
    (QuantileSpec(quantile=0.9), "identity"),
    (QuantileSpec(quantile=0.25), "silu"),
    (PoissonSpec(), "exponential"),
    (BinaryCrossEntropySpec(), "sigmoid"),
    (BinaryCrossEntropySpec(label_smoothing=0.2), "sigmoid"),
    (SoftmaxCrossEntropySpec(), "softmax"),
    (SoftmaxCrossEntropySpec(label_smoothing=0.1), "softmax"),
    (FocalSpec(), "sigmoid"),
    (FocalSpec(), "softmax"),
    (FocalSpec(gamma=0.5), "sigmoid"),
    (FocalSpec(gamma=0.5), "softmax"),
    (FocalSpec(gamma=0.0), "softmax"),
]


def evaluate(
    loss: Loss, activation: Activation, scores: Array, targets: Any, weights: Array | None = None
) -> tuple[Array, Array]:
    """Value (...) and gradient (..., B, K)."""
    memory = Memory(np, scores.dtype)
    kernel = losses.on_batch(loss, activation, scores.shape, memory, PLAIN)
    value, gradient = memory.empty(scores.shape[:-2]), memory.empty(scores.shape)
    with np.errstate(all="ignore"):
        kernel(scores.copy(), targets, weights, gradient, value)
    return value, gradient


def drawn(rng: np.random.Generator, loss: Loss, activation: Activation, shape: Shape) -> Any:
    if activation == "softmax" and not isinstance(loss, MseSpec):
        return rng.integers(0, shape[-1], shape[:-1])
    if isinstance(loss, PoissonSpec):
        return rng.poisson(2.0, shape).astype(np.float64)
    if activation == "sigmoid" and not isinstance(loss, MseSpec):
        return rng.integers(0, 2, shape).astype(np.float64)
    return rng.normal(size=shape)
