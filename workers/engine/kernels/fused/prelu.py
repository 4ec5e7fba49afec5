"""PReLU: leaky, with a learned slope for each unit (He et al. 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.kernels.fused.elementwise import Elementwise

if TYPE_CHECKING:
    from workers.engine.kernels.contract import PreluFactory
    from workers.engine.kernels.fused.elementwise import Compile
    from workers.engine.tensors import Array, Memory, Shape

FORWARD = Elementwise("prelu_forward", "T z, T s", "T a", "a = z > T(0) ? z : s * z;")
FORWARD_KEPT = Elementwise(
    "prelu_forward_kept",
    "T z, T s",
    "T kept, T a",
    "const T value = z > T(0) ? z : s * z; kept = z; a = value;",
)
BACKWARD = Elementwise(
    "prelu_backward",
    "T z, T s, T da",
    "T ds, T dz",
    "const T below = z > T(0) ? T(0) : da * z;"
    "const T value = z > T(0) ? da : s * da; ds = below; dz = value;",
)


class Prelu:
    """Slopes and their gradient are (O,), or (K, O) of stacked members."""

    def __init__(
        self,
        compiled: Compile,
        memory: Memory,
        shape: Shape,
        slopes: Array,
        d_slopes: Array | None,
    ) -> None:
        self._sum = memory.xp.sum
        self._slopes = slopes[..., None, :]
        self._d_slopes = d_slopes
        if d_slopes is None:
            self._forward = compiled(FORWARD)
        else:
            self._forward_kept = compiled(FORWARD_KEPT)
            self._backward = compiled(BACKWARD)
            self._z = memory.empty(shape)
            self._terms = memory.empty(shape)

    def forward(self, z: Array) -> None:
        """Replace z (..., B, O) by a."""
        if self._d_slopes is None:
            self._forward(z, self._slopes, z)
        else:
            self._forward_kept(z, self._slopes, self._z, z)

    def backward(self, a: Array, da: Array) -> None:  # noqa: ARG002 - where s = 0 it says nothing
        """Replace da by dz; the slopes get the sum of da z over the rows where z <= 0."""
        self._backward(self._z, self._slopes, da, self._terms, da)
        self._sum(self._terms, axis=-2, out=self._d_slopes)


def factory(compiled: Compile) -> PreluFactory:
    """The kernel with one compiler."""

    def on_shape(memory: Memory, shape: Shape, slopes: Array, d_slopes: Array | None) -> Prelu:
        return Prelu(compiled, memory, shape, slopes, d_slopes)

    return on_shape
