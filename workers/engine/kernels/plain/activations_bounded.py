"""Activations by way of the exponential function whose slope follows from what they return."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.engine.tensors import Array, Memory, Shape


class Sigmoid:
    """a = 1 / (1 + exp(-z)); dz = da a (1 - a)."""

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:
        self._xp = memory.xp
        self._one = memory.constant(1.0)
        if learning:
            self._slope = memory.empty(shape)

    def forward(self, z: Array) -> None:
        """Where exp(-z) overflows, 1 / inf is the right answer: 0."""
        xp = self._xp
        xp.negative(z, out=z)
        xp.exp(z, out=z)
        xp.add(z, self._one, out=z)
        xp.divide(self._one, z, out=z)

    def backward(self, a: Array, da: Array) -> None:
        """The slope a - a^2 is largest, 1/4, at a = 1/2."""
        xp, slope = self._xp, self._slope
        xp.multiply(a, a, out=slope)
        xp.subtract(a, slope, out=slope)
        xp.multiply(da, slope, out=da)


class Tanh:
    """a = tanh(z); dz = da (1 - a^2)."""

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:
        self._xp = memory.xp
        if learning:
            self._bent = memory.empty(shape)

    def forward(self, z: Array) -> None:
        """Bounded by 1, whatever z."""
        self._xp.tanh(z, out=z)

    def backward(self, a: Array, da: Array) -> None:
        """Written as da - da a^2, one pass less."""
        xp, bent = self._xp, self._bent
        xp.multiply(a, a, out=bent)
        xp.multiply(bent, da, out=bent)
        xp.subtract(da, bent, out=da)


class Exponential:
    """a = exp(z); dz = da a."""

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:  # noqa: ARG002
        self._xp = memory.xp

    def forward(self, z: Array) -> None:
        """Infinite where the number has no place in the dtype."""
        self._xp.exp(z, out=z)

    def backward(self, a: Array, da: Array) -> None:
        """The only function that is its own slope."""
        self._xp.multiply(da, a, out=da)


class Softmax:
    """a_k = exp(z_k) / sum_j exp(z_j), per row; dz = a (da - sum_j da_j a_j), the full Jacobian.

    Shifted by the row's largest score, which changes nothing but the range (Goodfellow et al.
    2016, 4.1). Computed with classes as rows: reductions along short rows are slow in NumPy.
    """

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:  # noqa: ARG002
        *members, rows, classes = shape
        self._xp = memory.xp
        self._by_class = memory.empty((*members, classes, rows))
        self._per_row = memory.empty((*members, 1, rows))

    def forward(self, z: Array) -> None:
        """Every row then sums to 1."""
        xp, by_class, per_row = self._xp, self._by_class, self._per_row
        xp.copyto(by_class, z.swapaxes(-1, -2))
        xp.amax(by_class, axis=-2, keepdims=True, out=per_row)
        xp.subtract(by_class, per_row, out=by_class)
        xp.exp(by_class, out=by_class)
        xp.sum(by_class, axis=-2, keepdims=True, out=per_row)
        xp.divide(by_class, per_row, out=by_class)
        xp.copyto(z, by_class.swapaxes(-1, -2))

    def backward(self, a: Array, da: Array) -> None:
        """The Jacobian is diag(a) - a a^T, never formed."""
        xp, by_class, per_row = self._xp, self._by_class, self._per_row
        xp.multiply(a.swapaxes(-1, -2), da.swapaxes(-1, -2), out=by_class)
        xp.sum(by_class, axis=-2, keepdims=True, out=per_row)
        xp.subtract(da, per_row.swapaxes(-1, -2), out=da)
        xp.multiply(da, a, out=da)
