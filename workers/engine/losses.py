"""The loss together with the output activation: one function from logits to value and gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from workers.engine.spec import FocalSpec, OutputActivation, SoftmaxCrossEntropySpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workers.engine.backend import DType
    from workers.engine.kernels.contract import ActivationKernel, Kernels, LossKernel
    from workers.engine.spec import Activation, Loss
    from workers.engine.tensors import Array, Memory, Shape

_ANY: tuple[OutputActivation, ...] = get_args(OutputActivation)

OUTPUT_ACTIVATIONS: Mapping[str, tuple[OutputActivation, ...]] = {
    "mse": _ANY,
    "mae": _ANY,
    "huber": _ANY,
    "quantile": _ANY,
    "poisson": ("exponential",),
    "binary_cross_entropy": ("sigmoid",),
    "softmax_cross_entropy": ("softmax",),
    "focal": ("sigmoid", "softmax"),
}
"""The output activations that each loss goes with."""

_FROM_LOGITS = frozenset(kind for kind, allowed in OUTPUT_ACTIVATIONS.items() if allowed != _ANY)
"""The losses that contain their output activation."""


class LossActivationError(ValueError):
    """A loss was paired with an output activation that it does not go with."""

    def __init__(self, loss: str, activation: str) -> None:
        self.loss = loss
        self.activation = activation
        allowed = ", ".join(OUTPUT_ACTIVATIONS[loss])
        super().__init__(f"{loss} needs an output activation of {allowed}, not {activation}")


def on_batch(
    loss: Loss,
    activation: Activation,
    shape: Shape,
    memory: Memory,
    kernels: Kernels,
    *,
    members: int = 1,
) -> LossKernel:
    """The function from logits (..., B, K) and targets to the mean loss and dL/dlogits.

    `shape` is that of the targets' rows; the logits are of so many `members`, (..., members B, K).
    """
    if activation not in OUTPUT_ACTIVATIONS[loss.type]:
        raise LossActivationError(loss.type, activation)
    if members > 1:
        labels = loss.type == "softmax_cross_entropy" or (
            isinstance(loss, FocalSpec) and activation == "softmax"
        )
        *lead, rows, outputs = shape
        every = (*lead, members * rows, outputs)
        kernel = on_batch(loss, activation, every, memory, kernels)
        return _OfMembers(kernel, shape, members, memory, labels=labels)
    binary = isinstance(loss, FocalSpec) and activation == "sigmoid"
    kernel = kernels.losses["binary_focal" if binary else loss.type](loss, memory, shape)
    if loss.type in _FROM_LOGITS or activation == "identity":
        return kernel
    through = kernels.activations[activation](memory, shape, True)
    return _ThroughActivation(kernel, through, memory.empty(shape), memory.xp)


def as_targets(loss: Loss, y: NDArray[Any], shape: Shape, dtype: DType) -> NDArray[Any]:
    """Targets in the form that the loss takes for logits of `shape` (N, K), copied only if needed.

    The focal loss takes labels (N,) with softmax and numbers (N, K) with sigmoid.

    Raises ValueError for another shape, for no rows at all, and for labels outside [0, K).
    """
    focal = isinstance(loss, FocalSpec)
    labels = isinstance(loss, SoftmaxCrossEntropySpec) or (focal and y.ndim == 1)
    expected = shape[:1] if labels else shape
    if y.shape != expected:
        raise ValueError(f"{loss.type} needs targets of shape {expected}, not {y.shape}")
    if len(y) == 0:
        raise ValueError("there are no rows")
    if not labels:
        return np.ascontiguousarray(y, dtype)
    if not np.issubdtype(y.dtype, np.integer) or y.min() < 0 or y.max() >= shape[1]:
        raise ValueError(f"labels must be integers in [0, {shape[1]})")
    return np.ascontiguousarray(y, np.intp)


def as_weights(weights: NDArray[Any] | None, n_rows: int, dtype: DType) -> Array | None:
    """Weights (N,) of rows, the largest 1, in the precision of the run.

    A weighted mean is the same at every scale of its weights, but sums in float32 are not.

    Raises ValueError for another shape, for a weight that is negative or not finite, and where
    all are 0.
    """
    if weights is None:
        return None
    if weights.shape != (n_rows,):
        raise ValueError(f"weights of shape {(n_rows,)} are needed, not {weights.shape}")
    if not np.isfinite(weights).all() or weights.min() < 0.0 or weights.max() == 0.0:
        raise ValueError("weights must be finite and >= 0, and not all 0")
    return np.ascontiguousarray(weights / weights.max(), dtype)


class _ThroughActivation:
    """A loss on outputs y = f(z), with the gradient taken back to the logits z."""

    def __init__(
        self, loss: LossKernel, activation: ActivationKernel, outputs: Array, xp: Any
    ) -> None:
        self._loss = loss
        self._activation = activation
        self._outputs = outputs
        self._xp = xp

    def __call__(
        self, scores: Array, targets: Any, weights: Array | None, gradient: Array, value: Array
    ) -> None:
        self._xp.copyto(self._outputs, scores)
        self._activation.forward(self._outputs)
        self._loss(self._outputs, targets, weights, gradient, value)
        self._activation.backward(self._outputs, gradient)


class _OfMembers:
    """A loss on the logits of several members, to each of which the same targets are given."""

    def __init__(
        self, loss: LossKernel, shape: Shape, members: int, memory: Memory, *, labels: bool
    ) -> None:
        self._loss = loss
        self._copyto = memory.xp.copyto
        *lead, rows, outputs = shape
        own = (rows,) if labels else (rows, outputs)
        dtype = np.intp if labels else memory.dtype
        targets = memory.xp.empty((*lead, members, *own), dtype)
        weights = memory.empty((*lead, members, rows))
        self._targets_of_members, self._weights_of_members = targets, weights
        self._targets = targets.reshape((*lead, members * rows, *own[1:]))
        self._weights = weights.reshape((*lead, members * rows))
        self._each = (*(slice(None) for _ in lead), None)

    def __call__(
        self, scores: Array, targets: Any, weights: Array | None, gradient: Array, value: Array
    ) -> None:
        self._copyto(self._targets_of_members, targets[self._each])
        if weights is not None:
            self._copyto(self._weights_of_members, weights[self._each])
            weights = self._weights
        self._loss(scores, self._targets, weights, gradient, value)
