"""The losses that have compiled loops: mean squared error and both cross-entropies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.kernels.compiled.objectives import (
    binary_cross_entropy,
    mean_squared_error,
    set_shares,
    softmax_cross_entropy,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.kernels.contract import LossFactory
    from workers.engine.spec import BinaryCrossEntropySpec, MseSpec, SoftmaxCrossEntropySpec
    from workers.engine.tensors import Array, Memory, Shape

    Mean = Callable[[Array, Any, Array, Array], float]
    """From scores, targets and shares of one batch, and where its gradient goes, to the loss."""


class MeanOverBatches:
    """One loss on batches (..., B, K): for each member of a stack as for that batch alone."""

    def __init__(self, memory: Memory, shape: Shape, mean: Mean) -> None:
        self._mean = mean
        self._members = tuple(np.ndindex(shape[:-2]))
        self._share = memory.empty(shape[-2:-1])
        self._no_weights = memory.empty((0,))

    def __call__(
        self, scores: Array, targets: Any, weights: Array | None, gradient: Array, value: Array
    ) -> None:
        """As the contract says; scores and gradient are contiguous."""
        for member in self._members:
            row_weights = self._no_weights if weights is None else weights[member]
            set_shares(row_weights, self._share)
            value[member] = self._mean(
                scores[member], targets[member], self._share, gradient[member]
            )


def _mean_squared_error(_spec: MseSpec, memory: Memory, shape: Shape) -> MeanOverBatches:
    return MeanOverBatches(memory, shape, mean_squared_error)


def _binary_cross_entropy(
    spec: BinaryCrossEntropySpec, memory: Memory, shape: Shape
) -> MeanOverBatches:
    scratch = memory.empty(shape[-2:])

    def mean(scores: Array, targets: Array, share: Array, gradient: Array) -> float:
        smoothing = spec.label_smoothing
        found: float = binary_cross_entropy(scores, targets, smoothing, share, gradient, scratch)
        return found

    return MeanOverBatches(memory, shape, mean)


def _softmax_cross_entropy(
    spec: SoftmaxCrossEntropySpec, memory: Memory, shape: Shape
) -> MeanOverBatches:
    scratch = memory.empty((2, shape[-2]))

    def mean(scores: Array, labels: Any, share: Array, gradient: Array) -> float:
        smoothing = spec.label_smoothing
        found: float = softmax_cross_entropy(scores, labels, smoothing, share, gradient, scratch)
        return found

    return MeanOverBatches(memory, shape, mean)


LOSSES: dict[str, LossFactory] = {
    "mse": _mean_squared_error,
    "binary_cross_entropy": _binary_cross_entropy,
    "softmax_cross_entropy": _softmax_cross_entropy,
}
