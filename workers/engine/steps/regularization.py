"""What keeps weights and gradients small: penalties, bounds on weights, clipping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workers.engine.kernels.plain.sums import dot

if TYPE_CHECKING:
    from workers.engine.network import Network
    from workers.engine.spec import TrainingSpec
    from workers.engine.tensors import Array, Memory


class _Penalised(NamedTuple):
    W: Array
    slope: Array
    scratch: Array
    l1: Array
    l2: Array


class Penalties:
    """The gradient of l1 sum |W| + l2 / 2 sum W^2, per weight tensor: l1 sign(W) + l2 W."""

    def __init__(
        self, network: Network, parameters: Array, gradient: Array, memory: Memory
    ) -> None:
        self._xp = memory.xp
        tensors = network.layout.views(parameters)
        gradients = network.trainable.views(gradient)
        self._tensors = [
            _Penalised(
                tensors[name],
                gradients[name],
                memory.empty(tensors[name].shape),
                memory.constant(l1),
                memory.constant(l2),
            )
            for name, l1, l2, _ in network.regularized
            if l1 or l2
        ]
        self._has_l1 = any(l1 for _, l1, _, _ in network.regularized)

    def __bool__(self) -> bool:
        return bool(self._tensors)

    def add(self) -> None:
        """Add their gradient to that of the loss."""
        xp = self._xp
        for W, dW, scratch, l1, l2 in self._tensors:
            xp.multiply(W, l2, out=scratch)
            xp.add(dW, scratch, out=dW)
            if self._has_l1:
                xp.sign(W, out=scratch)
                xp.multiply(scratch, l1, out=scratch)
                xp.add(dW, scratch, out=dW)

    def value(self) -> Any:
        """The penalty of one network as an array (), in float64."""
        xp = self._xp
        total = xp.zeros((), np.float64)
        for W, _, _, l1, l2 in self._tensors:
            wide = W.astype(np.float64)
            total = total + l1 * xp.abs(wide).sum() + 0.5 * l2 * (wide * wide).sum()
        return total


class MaxNorms:
    """Bounds on the length of each unit's incoming weights, a column of W (..., I, O).

    Longer columns are scaled down to the bound (Srivastava et al. 2014).
    """

    def __init__(self, network: Network, parameters: Array, memory: Memory) -> None:
        self._xp = memory.xp
        tensors = network.layout.views(parameters)
        self._bounded = []
        for name, _, _, bound in network.regularized:
            if bound is not None:
                W = tensors[name]
                ones = memory.ones(W.shape[-2:-1])
                lengths = memory.empty((*W.shape[:-2], W.shape[-1]))
                bounds = memory.xp.full(lengths.shape, bound, memory.dtype)
                self._bounded.append((W, memory.empty(W.shape), ones, lengths, bounds))
        self._one = memory.constant(1.0)

    def __bool__(self) -> bool:
        return bool(self._bounded)

    def apply(self) -> None:
        """Scale by min(1, bound / length)."""
        xp = self._xp
        for W, squares, ones, lengths, bounds in self._bounded:
            xp.multiply(W, W, out=squares)
            if W.ndim == 2:
                xp.dot(ones, squares, out=lengths)
            else:
                xp.matmul(ones, squares, out=lengths)
            xp.sqrt(lengths, out=lengths)
            xp.divide(bounds, lengths, out=lengths)
            xp.minimum(lengths, self._one, out=lengths)
            xp.multiply(W, lengths[..., np.newaxis, :], out=W)


class Clipping:
    """Each element cut off at +-clip_value, then the gradient g scaled to the norm clip_norm.

    g min(1, clip_norm / (|g| + 1e-6)), over all tensors together (Pascanu et al. 2013).
    """

    def __init__(self, spec: TrainingSpec, gradient: Array, memory: Memory) -> None:
        self._xp = memory.xp
        self._gradient = gradient
        self._value, self._norm = spec.clip_value, spec.clip_norm
        lead = gradient.shape[:-1]
        self._zero = memory.constant(0.0)
        if self._value is not None:
            self._above, self._below = memory.constant(self._value), memory.constant(-self._value)
            self._defects = memory.empty(gradient.shape)
        if self._norm is not None:
            self._bound = memory.constant(self._norm)
            self._margin, self._one = memory.constant(1e-6), memory.constant(1.0)
            self._length, self._scale = memory.empty(lead), memory.empty(lead)
            self._column = self._scale[..., np.newaxis] if lead else self._scale

    def __bool__(self) -> bool:
        return self._value is not None or self._norm is not None

    def apply(self) -> None:
        """An infinite element or norm becomes NaN: cut to size it would go unnoticed."""
        xp, g = self._xp, self._gradient
        if self._value is not None:
            xp.multiply(g, self._zero, out=self._defects)
            xp.minimum(g, self._above, out=g)
            xp.maximum(g, self._below, out=g)
            xp.add(g, self._defects, out=g)
        if self._norm is not None:
            length, scale = self._length, self._scale
            dot(xp, g, g, length)
            xp.sqrt(length, out=length)
            xp.add(length, self._margin, out=scale)
            xp.divide(self._bound, scale, out=scale)
            xp.minimum(scale, self._one, out=scale)
            xp.multiply(length, self._zero, out=length)
            xp.add(scale, length, out=scale)
            xp.multiply(g, self._column, out=g)
