"""The pointwise activations, a launch each way; formulas in `spec.activations`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from workers.engine.kernels.fused.elementwise import Elementwise, number
from workers.engine.spec import ELU_ALPHA, LEAKY_SLOPE, SELU_ALPHA, SELU_SCALE

if TYPE_CHECKING:
    from workers.engine.kernels.contract import ActivationFactory, ActivationKernel
    from workers.engine.kernels.fused.elementwise import Compile
    from workers.engine.tensors import Array, Memory, Shape


class Pointwise(NamedTuple):
    """`value` is f of z; its derivative is `slope`, of the output a, or `kept`, of z.

    What is no function of the output is computed while z is at hand, and kept. `prepare` stands
    before both.
    """

    value: str
    slope: str = ""
    kept: str = ""
    prepare: str = ""


# With e = exp(-|z|) nothing overflows: tanh(softplus(z)) is ((1 + e^z)^2 - 1) / ((1 + e^z)^2 + 1),
# divided through by e^2z where z > 0.
_TANH_OF_SOFTPLUS = """
const T e = exp(-fabs(z));
const T above = z > T(0) ? T(1) + T(2) * e : e * (e + T(2));
const T t = above / (above + (z > T(0) ? T(2) * e * e : T(2)));
"""

POINTWISE: dict[str, Pointwise] = {
    "sigmoid": Pointwise("T(1) / (T(1) + exp(-z))", "a * (T(1) - a)"),
    "tanh": Pointwise("tanh(z)", "T(1) - a * a"),
    # A comparison, not a maximum: of a NaN and 0 that could be 0.
    "relu": Pointwise("z < T(0) ? T(0) : z", "a > T(0) ? T(1) : T(0)"),
    "leaky_relu": Pointwise(
        f"z < T(0) ? {number(LEAKY_SLOPE)} * z : z", f"a > T(0) ? T(1) : {number(LEAKY_SLOPE)}"
    ),
    "elu": Pointwise(
        f"z > T(0) ? z : {number(ELU_ALPHA)} * expm1(z)",
        f"a > T(0) ? T(1) : a + {number(ELU_ALPHA)}",
    ),
    "selu": Pointwise(
        f"{number(SELU_SCALE)} * (z > T(0) ? z : {number(SELU_ALPHA)} * expm1(z))",
        f"a > T(0) ? {number(SELU_SCALE)} : a + {number(SELU_SCALE * SELU_ALPHA)}",
    ),
    "gelu": Pointwise(
        "z * phi",
        kept=f"phi + z * exp(T(-0.5) * z * z) * {number(1.0 / math.sqrt(2.0 * math.pi))}",
        prepare=f"const T phi = T(0.5) * erfc(-z * {number(math.sqrt(0.5))});",
    ),
    "silu": Pointwise(
        "z * s",
        kept="s * (T(1) + z * (T(1) - s))",
        prepare="const T s = T(1) / (T(1) + exp(-z));",
    ),
    "mish": Pointwise(
        "z * t",
        kept="t + z * (T(1) - t * t) / (T(1) + exp(-z))",
        prepare=_TANH_OF_SOFTPLUS,
    ),
    "softplus": Pointwise(
        "(z > T(0) ? z : T(0)) + log1p(exp(-fabs(z)))", kept="T(1) / (T(1) + exp(-z))"
    ),
    "exponential": Pointwise("exp(z)", "a"),
}

PRODUCT = Elementwise("product", "T a, T b", "T c", "c = a * b;")


def forward_kernel(name: str, *, learning: bool) -> Elementwise:
    """From z to a, and to the derivative where that must be kept."""
    f = POINTWISE[name]
    if not (learning and f.kept):
        return Elementwise(f"{name}_forward", "T z", "T a", f"{f.prepare} a = {f.value};")
    body = f"{f.prepare} const T value = {f.value}; kept = {f.kept}; a = value;"
    return Elementwise(f"{name}_forward_kept", "T z", "T kept, T a", body)


def backward_kernel(name: str) -> Elementwise:
    """From da to dz."""
    f = POINTWISE[name]
    if f.kept:
        return PRODUCT
    return Elementwise(f"{name}_backward", "T a, T da", "T dz", f"dz = da * ({f.slope});")


class Identity:
    """Nothing to launch."""

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:
        """Need no memory."""

    def forward(self, z: Array) -> None:
        """Leave z as it is."""

    def backward(self, a: Array, da: Array) -> None:
        """Leave da as it is."""


class FromOutput:
    """An activation whose derivative is a function of what came out."""

    def __init__(self, name: str, compiled: Compile) -> None:
        self._forward = compiled(forward_kernel(name, learning=False))
        self._backward = compiled(backward_kernel(name))

    def forward(self, z: Array) -> None:
        """Replace z (..., B, O) by a."""
        self._forward(z, z)

    def backward(self, a: Array, da: Array) -> None:
        """Replace da by dz."""
        self._backward(a, da, da)


class WithKeptSlope:
    """An activation whose derivative is kept from the forward pass."""

    def __init__(self, name: str, compiled: Compile, memory: Memory, shape: Shape) -> None:
        self._forward = compiled(forward_kernel(name, learning=True))
        self._backward = compiled(PRODUCT)
        self._slope = memory.empty(shape)

    def forward(self, z: Array) -> None:
        """Replace z (..., B, O) by a."""
        self._forward(z, self._slope, z)

    def backward(self, a: Array, da: Array) -> None:  # noqa: ARG002 - the slope is of z
        """Replace da by dz."""
        self._backward(self._slope, da, da)


def factories(compiled: Compile) -> dict[str, ActivationFactory]:
    """Every pointwise activation by its name."""

    def make(name: str) -> ActivationFactory:
        def on_shape(memory: Memory, shape: Shape, learning: bool) -> ActivationKernel:
            if learning and POINTWISE[name].kept:
                return WithKeptSlope(name, compiled, memory, shape)
            return FromOutput(name, compiled)

        return on_shape

    return {"identity": Identity} | {name: make(name) for name in POINTWISE}
