"""The pointwise activations, each fused into one loop forward and one backward."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from workers.engine.kernels.compiled.pointwise import activate, deactivate
from workers.engine.kernels.program import ACTIVATION_CODES, KEEPS_SLOPE

if TYPE_CHECKING:
    from workers.engine.kernels.contract import ActivationFactory
    from workers.engine.tensors import Array, Memory, Shape


class Pointwise:
    """One function of one number, on arrays of one shape with any number of axes."""

    def __init__(self, name: str, memory: Memory, shape: Shape, learning: bool) -> None:  # noqa: ARG002 - the slope comes with the output
        self._code = ACTIVATION_CODES[name]
        keeps_slope = self._code in KEEPS_SLOPE
        self._slope = memory.empty(shape if keeps_slope else (0,)).reshape(-1)

    def forward(self, z: Array) -> None:
        """Replace z by f(z)."""
        activate(self._code, z.reshape(-1), self._slope)

    def backward(self, a: Array, da: Array) -> None:
        """Replace da by dL/dz."""
        deactivate(self._code, a.reshape(-1), self._slope, da.reshape(-1))


ACTIVATIONS: dict[str, ActivationFactory] = {
    name: partial(Pointwise, name) for name in ACTIVATION_CODES
}
