"""Smooth activations near ReLU; those that are not monotone keep their slope from the way forward.

Where a slope at z cannot be told from f(z), `forward` works it out beside f(z): the exponential
function in both is the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.kernels.plain.normal import NormalTail

if TYPE_CHECKING:
    from workers.engine.tensors import Array, Memory, Shape


class Softplus:
    """a = log(1 + exp(z)); dz = da / (1 + exp(-z)) = da (1 - exp(-a))."""

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:  # noqa: ARG002
        self._xp = memory.xp
        self._zero = memory.constant(0.0)
        self._bent = memory.empty(shape)

    @property
    def scratch(self) -> Array:
        """Memory that is free between the calls."""
        return self._bent

    def forward(self, z: Array) -> None:
        """Written as max(z, 0) + log(1 + exp(-|z|)), which overflows nowhere."""
        xp, bent = self._xp, self._bent
        xp.abs(z, out=bent)
        xp.negative(bent, out=bent)
        xp.exp(bent, out=bent)
        xp.log1p(bent, out=bent)
        xp.maximum(z, self._zero, out=z)
        xp.add(z, bent, out=z)

    def backward(self, a: Array, da: Array) -> None:
        """Through expm1, for where exp(-a) is close to 1."""
        xp, slope = self._xp, self._bent
        xp.negative(a, out=slope)
        xp.expm1(slope, out=slope)
        xp.negative(slope, out=slope)
        xp.multiply(da, slope, out=da)


class Silu:
    """a = z s, s = 1 / (1 + exp(-z)); dz = da (s + a (1 - s))."""

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:
        self._xp = memory.xp
        self._learning = learning
        self._one = memory.constant(1.0)
        self._slope = memory.empty(shape)
        if learning:
            self._sigmoid = memory.empty(shape)

    def forward(self, z: Array) -> None:
        """Where exp(-z) overflows s is 0, and so is a."""
        xp = self._xp
        sigmoid = self._sigmoid if self._learning else self._slope
        xp.negative(z, out=sigmoid)
        xp.exp(sigmoid, out=sigmoid)
        xp.add(sigmoid, self._one, out=sigmoid)
        xp.divide(self._one, sigmoid, out=sigmoid)
        xp.multiply(z, sigmoid, out=z)

    def backward(self, a: Array, da: Array) -> None:
        """With a for z s."""
        xp, slope = self._xp, self._slope
        xp.subtract(self._one, self._sigmoid, out=slope)
        xp.multiply(slope, a, out=slope)
        xp.add(slope, self._sigmoid, out=slope)
        xp.multiply(da, slope, out=da)


class Mish:
    """a = z t, t = tanh(softplus(z)); dz = da (t + z (1 - t^2) s), s = 1 / (1 + exp(-z))."""

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:
        self._xp = memory.xp
        self._learning = learning
        self._softplus = Softplus(memory, shape, learning=False)
        self._t = memory.empty(shape)
        if learning:
            self._s = memory.empty(shape)
            self._slope = memory.empty(shape)

    def forward(self, z: Array) -> None:
        """The slope is written as t + (z - a t) s, with s = 1 - exp(-softplus(z))."""
        xp, t = self._xp, self._t
        xp.copyto(t, z)
        self._softplus.forward(t)
        if self._learning:
            xp.negative(t, out=self._s)
            xp.expm1(self._s, out=self._s)
            xp.copyto(self._slope, z)
        xp.tanh(t, out=t)
        xp.multiply(z, t, out=z)
        if self._learning:
            self._work_out_slope(z)

    def _work_out_slope(self, a: Array) -> None:
        """From z in the slope's memory and -s."""
        xp, t, s, slope = self._xp, self._t, self._s, self._slope
        at = self._softplus.scratch
        xp.multiply(a, t, out=at)
        xp.subtract(at, slope, out=slope)
        xp.multiply(slope, s, out=slope)
        xp.add(slope, t, out=slope)

    def backward(self, a: Array, da: Array) -> None:  # noqa: ARG002 - the slope is there
        """With the slope of the last `forward`."""
        self._xp.multiply(da, self._slope, out=da)


class Gelu:
    """a = z Phi(z); dz = da (Phi(z) + z phi(z)), Phi and phi the normal distribution and density.

    With Q = 1 - Phi(|z|), in which nothing cancels: a = max(z, 0) - |z| Q, and D = Q - |z| phi(z)
    is the slope where z < 0, 1 - D elsewhere.
    """

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:
        self._xp = memory.xp
        self._learning = learning
        self._zero = memory.constant(0.0)
        self._one = memory.constant(1.0)
        self._normal = NormalTail(memory, shape)
        self._size = memory.empty(shape)
        self._density = memory.empty(shape)
        self._tail = memory.empty(shape)
        if learning:
            self._slope = memory.empty(shape)
            self._positive = memory.xp.empty(shape, memory.xp.bool_)

    def forward(self, z: Array) -> None:
        """Exact to some units in the last place, also far below 0."""
        xp, size, density, tail = self._xp, self._size, self._density, self._tail
        xp.abs(z, out=size)
        self._normal(size, density, tail)
        if self._learning:
            xp.greater(z, self._zero, out=self._positive)
            xp.multiply(size, density, out=density)
            xp.subtract(tail, density, out=self._slope)
            xp.subtract(self._one, self._slope, out=density)
            xp.copyto(self._slope, density, where=self._positive)
        xp.multiply(tail, size, out=tail)
        xp.maximum(z, self._zero, out=z)
        xp.subtract(z, tail, out=z)

    def backward(self, a: Array, da: Array) -> None:  # noqa: ARG002 - the slope is there
        """With the slope of the last `forward`."""
        self._xp.multiply(da, self._slope, out=da)
