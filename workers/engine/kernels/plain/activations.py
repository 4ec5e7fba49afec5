"""Activation functions with their derivatives, in NumPy and in place.

Every derivative here is a function of the output alone, so that the input need not be kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workers.engine.backend import DType
    from workers.engine.tensors import Array, Shape


class Identity:
    """a = z; dz = da."""

    def __init__(self, shape: Shape, dtype: DType) -> None:
        pass

    def forward(self, z: Array) -> None:
        """Leave z as it is."""

    def backward(self, a: Array, da: Array) -> None:
        """Leave da as it is."""


class Sigmoid:
    """a = 1 / (1 + exp(-z)); dz = da a (1 - a)."""

    def __init__(self, shape: Shape, dtype: DType) -> None:
        self._one = np.ones((), dtype)
        self._slope = np.empty(shape, dtype)

    def forward(self, z: Array) -> None:
        """Where exp(-z) overflows, 1 / inf is the right answer: 0."""
        np.negative(z, out=z)
        np.exp(z, out=z)
        np.add(z, self._one, out=z)
        np.divide(self._one, z, out=z)

    def backward(self, a: Array, da: Array) -> None:
        """The slope a - a^2 is largest, 1/4, at a = 1/2."""
        slope = self._slope
        np.multiply(a, a, out=slope)
        np.subtract(a, slope, out=slope)
        np.multiply(da, slope, out=da)


class Tanh:
    """a = tanh(z); dz = da (1 - a^2)."""

    def __init__(self, shape: Shape, dtype: DType) -> None:
        self._bent = np.empty(shape, dtype)

    def forward(self, z: Array) -> None:
        """Bounded by 1, whatever z."""
        np.tanh(z, out=z)

    def backward(self, a: Array, da: Array) -> None:
        """Written as da - da a^2, one pass less."""
        bent = self._bent
        np.multiply(a, a, out=bent)
        np.multiply(bent, da, out=bent)
        np.subtract(da, bent, out=da)


class Relu:
    """a = max(z, 0); dz = da where z > 0, else 0, also at 0 itself."""

    def __init__(self, shape: Shape, dtype: DType) -> None:
        # NumPy compares two whole arrays 3 to 5 times faster than an array with a scalar.
        self._zeros = np.zeros(shape, dtype)
        self._bits = np.dtype(f"i{dtype.itemsize}")
        self._positive = np.empty(shape, self._bits)

    def forward(self, z: Array) -> None:
        """A NaN stays a NaN."""
        np.maximum(z, self._zeros, out=z)

    def backward(self, a: Array, da: Array) -> None:
        """Multiply the bit patterns of da by 0 or 1.

        As an integer, the bit pattern of a number >= 0 has the sign of that number; the product
        of integers is exact, and twice as fast as a product with a mask of booleans.
        """
        np.sign(a.view(self._bits), out=self._positive)
        bits = da.view(self._bits)
        np.multiply(bits, self._positive, out=bits)


class Softmax:
    """a_k = exp(z_k) / sum_j exp(z_j), per row; dz = a (da - sum_j da_j a_j), the full Jacobian.

    Shifted by the row's largest score, which changes nothing but the range (Goodfellow et al.
    2016, 4.1). Computed with classes as rows: reductions along short rows are slow in NumPy.
    """

    def __init__(self, shape: Shape, dtype: DType) -> None:
        rows, classes = shape
        self._by_class = np.empty((classes, rows), dtype)
        self._per_row = np.empty(rows, dtype)

    def forward(self, z: Array) -> None:
        """Every row then sums to 1."""
        by_class, per_row = self._by_class, self._per_row
        np.copyto(by_class, z.T)
        np.maximum.reduce(by_class, axis=0, out=per_row)
        np.subtract(by_class, per_row, out=by_class)
        np.exp(by_class, out=by_class)
        np.add.reduce(by_class, axis=0, out=per_row)
        np.divide(by_class, per_row, out=by_class)
        np.copyto(z, by_class.T)

    def backward(self, a: Array, da: Array) -> None:
        """The Jacobian is diag(a) - a a^T, never formed."""
        by_class, per_row = self._by_class, self._per_row
        np.multiply(a.T, da.T, out=by_class)
        np.add.reduce(by_class, axis=0, out=per_row)
        np.subtract(da, per_row[:, np.newaxis], out=da)
        np.multiply(da, a, out=da)
