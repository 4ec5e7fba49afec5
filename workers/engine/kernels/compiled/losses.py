"""The losses that have compiled loops: mean squared error and both cross-entropies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from workers.engine.kernels.compiled.addresses import Address
from workers.engine.kernels.native.library import kernel

if TYPE_CHECKING:
    from workers.engine.kernels.contract import LossFactory
    from workers.engine.spec import BinaryCrossEntropySpec, MseSpec, SoftmaxCrossEntropySpec
    from workers.engine.tensors import Array, Memory, Shape


class MeanOverBatch:
    """One loss on batches (..., B, K): of each member of a stack as of that batch alone.

    With a smoothing, the kernel takes it.
    """

    def __init__(
        self, name: str, memory: Memory, shape: Shape, smoothing: float | None = None
    ) -> None:
        self._kernel = kernel(name, memory.dtype)
        self._shape = (math.prod(shape[:-2]), *shape[-2:])
        self._share = memory.empty(shape[-2:-1])
        self._share_at = self._share.ctypes.data
        self._scratch = memory.empty((2, *shape[-2:]))
        self._scratch_at = self._scratch.ctypes.data
        self._before = () if smoothing is None else (smoothing,)
        self._addresses = [Address() for _ in range(5)]

    def __call__(
        self, scores: Array, targets: Any, weights: Array | None, gradient: Array, value: Array
    ) -> None:
        """As the contract says; every array is contiguous."""
        z, t, w, g, v = self._addresses
        self._kernel(
            *self._shape,
            z(scores),
            t(targets),
            *self._before,
            0 if weights is None else w(weights),
            self._share_at,
            g(gradient),
            self._scratch_at,
            v(value),
        )


def _mean_squared_error(_spec: MseSpec, memory: Memory, shape: Shape) -> MeanOverBatch:
    return MeanOverBatch("mean_squared_error", memory, shape)


def _binary_cross_entropy(
    spec: BinaryCrossEntropySpec, memory: Memory, shape: Shape
) -> MeanOverBatch:
    return MeanOverBatch("binary_cross_entropy", memory, shape, spec.label_smoothing)


def _softmax_cross_entropy(
    spec: SoftmaxCrossEntropySpec, memory: Memory, shape: Shape
) -> MeanOverBatch:
    return MeanOverBatch("softmax_cross_entropy", memory, shape, spec.label_smoothing)


LOSSES: dict[str, LossFactory] = {
    "mse": _mean_squared_error,
    "binary_cross_entropy": _binary_cross_entropy,
    "softmax_cross_entropy": _softmax_cross_entropy,
}
