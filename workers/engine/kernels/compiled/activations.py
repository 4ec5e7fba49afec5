"""The pointwise activations, each fused into one loop forward and one backward."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from workers.engine.kernels.compiled.addresses import Address
from workers.engine.kernels.native.library import kernel
from workers.engine.kernels.program import ACTIVATION_CODES, KEEPS_SLOPE

if TYPE_CHECKING:
    from workers.engine.kernels.contract import ActivationFactory
    from workers.engine.tensors import Array, Memory, Shape


class Pointwise:
    """One function of one number, on contiguous arrays of one shape with any number of axes."""

    def __init__(self, name: str, memory: Memory, shape: Shape, learning: bool) -> None:  # noqa: ARG002 - the slope comes with the output
        self._code = ACTIVATION_CODES[name]
        self._activate = kernel("activate", memory.dtype)
        self._deactivate = kernel("deactivate", memory.dtype)
        self._slope = memory.empty(shape if self._code in KEEPS_SLOPE else (1,))
        self._slope_at = self._slope.ctypes.data
        self._output, self._error = Address(), Address()

    def forward(self, z: Array) -> None:
        """Replace z by f(z)."""
        self._activate(self._code, z.size, self._output(z), self._slope_at)

    def backward(self, a: Array, da: Array) -> None:
        """Replace da by dL/dz."""
        self._deactivate(self._code, a.size, self._output(a), self._slope_at, self._error(da))


ACTIVATIONS: dict[str, ActivationFactory] = {
    name: partial(Pointwise, name) for name in ACTIVATION_CODES
}
