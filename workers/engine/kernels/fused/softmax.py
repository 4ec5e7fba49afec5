"""Softmax along the last axis: reductions of the array module between fused passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.kernels.fused.activations import PRODUCT
from workers.engine.kernels.fused.elementwise import Elementwise

if TYPE_CHECKING:
    from workers.engine.kernels.contract import ActivationFactory
    from workers.engine.kernels.fused.elementwise import Compile
    from workers.engine.tensors import Array, Memory, Shape

SHIFTED_EXP = Elementwise("shifted_exp", "T z, T largest", "T e", "e = exp(z - largest);")
SHARE = Elementwise("share", "T e, T total", "T a", "a = e / total;")
THROUGH_JACOBIAN = Elementwise(
    "softmax_backward", "T a, T da, T dot", "T dz", "dz = a * (da - dot);"
)


class Softmax:
    """a_k = exp(z_k) / sum_j exp(z_j); dz = a (da - sum_j da_j a_j), the full Jacobian.

    Shifted by the row's largest score, which changes nothing but the range (Goodfellow et al.
    2016, 4.1).
    """

    def __init__(self, compiled: Compile, memory: Memory, shape: Shape, learning: bool) -> None:
        self._xp = memory.xp
        self._shifted_exp = compiled(SHIFTED_EXP)
        self._share = compiled(SHARE)
        self._per_row = memory.empty((*shape[:-1], 1))
        if learning:
            self._product = compiled(PRODUCT)
            self._through_jacobian = compiled(THROUGH_JACOBIAN)
            self._terms = memory.empty(shape)

    def forward(self, z: Array) -> None:
        """Replace z (..., B, K) by a; every row then sums to 1."""
        per_row = self._per_row
        self._xp.max(z, axis=-1, out=per_row, keepdims=True)
        self._shifted_exp(z, per_row, z)
        self._xp.sum(z, axis=-1, out=per_row, keepdims=True)
        self._share(z, per_row, z)

    def backward(self, a: Array, da: Array) -> None:
        """Replace da by dz."""
        self._product(a, da, self._terms)
        self._xp.sum(self._terms, axis=-1, out=self._per_row, keepdims=True)
        self._through_jacobian(a, da, self._per_row, da)


def factory(compiled: Compile) -> ActivationFactory:
    """The kernel with one compiler."""

    def on_shape(memory: Memory, shape: Shape, learning: bool) -> Softmax:
        return Softmax(compiled, memory, shape, learning)

    return on_shape
