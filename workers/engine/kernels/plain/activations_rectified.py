"""Activations that pass what is positive, and bend or stop the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.engine.spec import ELU_ALPHA, LEAKY_SLOPE, SELU_ALPHA, SELU_SCALE

if TYPE_CHECKING:
    from workers.engine.tensors import Array, Memory, Shape


class Identity:
    """a = z; dz = da."""

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:
        pass

    def forward(self, z: Array) -> None:
        """Leave z as it is."""

    def backward(self, a: Array, da: Array) -> None:
        """Leave da as it is."""


class Relu:
    """a = max(z, 0); dz = da where z > 0, else 0, also at 0 itself."""

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:
        # NumPy compares two whole arrays 3 to 5 times faster than an array with a scalar.
        self._xp = memory.xp
        self._zeros = memory.zeros(shape)
        self._bits = np.dtype(f"i{memory.dtype.itemsize}")
        if learning:
            self._positive = memory.xp.empty(shape, self._bits)

    def forward(self, z: Array) -> None:
        """A NaN stays a NaN."""
        self._xp.maximum(z, self._zeros, out=z)

    def backward(self, a: Array, da: Array) -> None:
        """Multiply the bit patterns of da by 0 or 1.

        As an integer, the bit pattern of a number >= 0 has the sign of that number; the product
        of integers is exact, and twice as fast as a product with a mask of booleans.
        """
        self._xp.sign(a.view(self._bits), out=self._positive)
        bits = da.view(self._bits)
        self._xp.multiply(bits, self._positive, out=bits)


class LeakyRelu:
    """a = z where z > 0, else slope z; dz = da (1 where z > 0, else slope)."""

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:
        self._xp = memory.xp
        self._leak = memory.constant(LEAKY_SLOPE)
        self._bent = memory.empty(shape)
        if learning:
            self._zero = memory.constant(0.0)
            self._positive = memory.xp.empty(shape, memory.xp.bool_)

    def forward(self, z: Array) -> None:
        """With a slope between 0 and 1 the larger of the two lines is the function."""
        self._xp.multiply(z, self._leak, out=self._bent)
        self._xp.maximum(z, self._bent, out=z)

    def backward(self, a: Array, da: Array) -> None:
        """The sign of a is that of z."""
        xp, slope = self._xp, self._bent
        xp.greater(a, self._zero, out=self._positive)
        xp.copyto(slope, self._positive)
        xp.maximum(slope, self._leak, out=slope)
        xp.multiply(da, slope, out=da)


class Prelu:
    """a = z where z > 0, else s z, with a learned slope s for every unit (He et al. 2015).

    dz = da (1 where z > 0, else s); ds = the sum over the rows of da min(z, 0).
    """

    def __init__(self, memory: Memory, shape: Shape, slopes: Array, d_slopes: Array | None) -> None:
        self._xp = memory.xp
        # Half the cost for a single batch; but of two single numbers `dot` takes -0 for 0.
        single = len(shape) == 2 and shape[-2] > 1
        self._product = memory.xp.dot if single else memory.xp.matmul
        self._slopes = slopes[..., None, :]
        self._zero = memory.constant(0.0)
        self._one = memory.constant(1.0)
        self._d_slopes = d_slopes
        # A slope may be negative, so that the sign of z is not in a: z is kept.
        self._below = memory.empty(shape)
        self._bent = memory.empty(shape)
        self._positive = memory.xp.empty(shape, memory.xp.bool_)
        self._ones = memory.ones((shape[-2],))

    def forward(self, z: Array) -> None:
        """Written as max(z, 0) + s min(z, 0)."""
        xp, below, bent = self._xp, self._below, self._bent
        xp.greater(z, self._zero, out=self._positive)
        xp.minimum(z, self._zero, out=below)
        xp.multiply(below, self._slopes, out=bent)
        xp.maximum(z, self._zero, out=z)
        xp.add(z, bent, out=z)

    def backward(self, a: Array, da: Array) -> None:  # noqa: ARG002 - z says more
        """Leave the gradient of the slopes where the maker was told, and dz in da."""
        xp, bent = self._xp, self._bent
        xp.multiply(da, self._below, out=bent)
        self._product(self._ones, bent, out=self._d_slopes)
        xp.copyto(bent, self._slopes)
        xp.copyto(bent, self._one, where=self._positive)
        xp.multiply(da, bent, out=da)


class _ExponentialLinear:
    """a = scale z where z > 0, else scale alpha (exp(z) - 1).

    dz = da (scale where z > 0, else a + scale alpha).
    """

    def __init__(self, memory: Memory, shape: Shape, scale: float, alpha: float) -> None:
        self._xp = memory.xp
        self._zero = memory.constant(0.0)
        self._scale = memory.constant(scale)
        self._limit = memory.constant(scale * alpha)
        self._below = memory.empty(shape)
        self._positive = memory.xp.empty(shape, memory.xp.bool_)

    def forward(self, z: Array) -> None:
        """The exponential sees nothing above 0, so that it cannot overflow."""
        xp, below = self._xp, self._below
        xp.minimum(z, self._zero, out=below)
        xp.expm1(below, out=below)
        xp.multiply(below, self._limit, out=below)
        xp.maximum(z, self._zero, out=z)
        xp.multiply(z, self._scale, out=z)
        xp.add(z, below, out=z)

    def backward(self, a: Array, da: Array) -> None:
        """The sign of a is that of z."""
        xp, slope = self._xp, self._below
        xp.greater(a, self._zero, out=self._positive)
        xp.add(a, self._limit, out=slope)
        xp.copyto(slope, self._scale, where=self._positive)
        xp.multiply(da, slope, out=da)


class Elu(_ExponentialLinear):
    """Clevert et al. 2016: both scales 1."""

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:  # noqa: ARG002
        super().__init__(memory, shape, 1.0, ELU_ALPHA)


class Selu(_ExponentialLinear):
    """Klambauer et al. 2017: scaled so that mean 0 and variance 1 maintain themselves."""

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:  # noqa: ARG002
        super().__init__(memory, shape, SELU_SCALE, SELU_ALPHA)
