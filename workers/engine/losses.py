"""The loss together with the output activation: one function from logits to value and gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workers.engine.backend import DType
    from workers.engine.kernels.contract import ActivationKernel, Kernels, LossKernel
    from workers.engine.spec import Activation, Loss
    from workers.engine.tensors import Array, Shape

OUTPUT_ACTIVATIONS: Mapping[str, tuple[Activation, ...]] = {
    "mse": ("identity", "sigmoid", "tanh", "relu", "softmax"),
    "binary_cross_entropy": ("sigmoid",),
    "softmax_cross_entropy": ("softmax",),
}
"""The output activations that each loss goes with; the cross-entropies contain theirs."""


class LossActivationError(ValueError):
    """A loss was paired with an output activation that it does not go with."""

    def __init__(self, loss: str, activation: str) -> None:
        self.loss = loss
        self.activation = activation
        allowed = ", ".join(OUTPUT_ACTIVATIONS[loss])
        super().__init__(f"{loss} needs an output activation of {allowed}, not {activation}")


def on_batch(
    loss: Loss, activation: Activation, shape: Shape, dtype: DType, kernels: Kernels
) -> LossKernel:
    """The function from logits (B, K) and targets to the mean loss and dL/dlogits."""
    if activation not in OUTPUT_ACTIVATIONS[loss.type]:
        raise LossActivationError(loss.type, activation)
    kernel = kernels.losses[loss.type](shape, dtype)
    if loss.type != "mse" or activation == "identity":
        return kernel
    return _ThroughActivation(kernel, kernels.activations[activation](shape, dtype), shape, dtype)


def as_targets(loss: Loss, y: NDArray[Any], shape: Shape, dtype: DType) -> NDArray[Any]:
    """Targets in the form that the loss takes for logits of `shape` (N, K), copied only if needed.

    Raises ValueError for another shape, for no rows at all, and for labels outside [0, K).
    """
    labels = loss.type == "softmax_cross_entropy"
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


class _ThroughActivation:
    """A loss on outputs y = f(z), with the gradient taken back to the logits z."""

    def __init__(
        self, loss: LossKernel, activation: ActivationKernel, shape: Shape, dtype: DType
    ) -> None:
        self._loss = loss
        self._activation = activation
        self._outputs = np.empty(shape, dtype)

    def __call__(self, scores: Array, targets: Any, gradient: Array) -> float:
        np.copyto(self._outputs, scores)
        self._activation.forward(self._outputs)
        value = self._loss(self._outputs, targets, gradient)
        self._activation.backward(self._outputs, gradient)
        return value
