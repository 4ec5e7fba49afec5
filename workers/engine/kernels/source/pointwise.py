"""The pointwise activations as loops over whole arrays: formulas in `spec.activations`.

A register of `lanes` at a time.
"""

from __future__ import annotations

import math
from typing import Any

from workers.engine.kernels.program import (
    ELU,
    GELU,
    IDENTITY,
    LEAKY_RELU,
    RELU,
    SELU,
    SIGMOID,
    SILU,
    SOFTPLUS,
    TANH,
)
from workers.engine.kernels.source.jit import called, constant, inlined
from workers.engine.kernels.source.lanes import choose, magnitude, smaller
from workers.engine.kernels.source.registers import load, store, width
from workers.engine.kernels.source.special import exp, expm1, logistic, normal_cdf, softplus, tanh
from workers.engine.spec import ELU_ALPHA, LEAKY_SLOPE, SELU_ALPHA, SELU_SCALE

_zero = constant(0.0)
_one = constant(1.0)
_two = constant(2.0)
_minus_half = constant(-0.5)
_leak = constant(LEAKY_SLOPE)
_elu_alpha = constant(ELU_ALPHA)
_selu_scale = constant(SELU_SCALE)
_selu_alpha = constant(SELU_SCALE * SELU_ALPHA)
_density_at_0 = constant(1.0 / math.sqrt(2.0 * math.pi))


@called
def activate(code: Any, z: Any, slope: Any) -> None:
    """Replace z (N,) by f(z), and leave f'(z) in `slope` (N,) for the functions that keep it."""
    if code < RELU:
        _activate_bounded(code, z)
    elif code < ELU:
        _activate_rectified(code, z)
    elif code < GELU:
        _activate_exponential(code, z)
    else:
        _activate_smooth(code, z, slope)


@called
def deactivate(code: Any, a: Any, slope: Any, da: Any) -> None:
    """Replace da = dL/da (N,) by dL/dz = da f'(z), from what `activate` left in a and slope."""
    if code == IDENTITY:
        return
    if code >= GELU:
        multiply_by(da, slope)
    elif code < RELU:
        _deactivate_bounded(code, a, da)
    else:
        _deactivate_rectified(code, a, da)


@inlined
def multiply_by(a: Any, b: Any) -> None:
    """A (N,) *= b (N,)."""
    for i in range(0, a.size, width(a)):
        store(a, i, load(a, i) * load(b, i))


@inlined
def _activate_bounded(code: Any, z: Any) -> None:
    if code == SIGMOID:
        for i in range(0, z.size, width(z)):
            store(z, i, logistic(load(z, i)))
    elif code == TANH:
        for i in range(0, z.size, width(z)):
            store(z, i, tanh(load(z, i)))


@inlined
def _activate_rectified(code: Any, z: Any) -> None:
    if code == RELU:
        for i in range(0, z.size, width(z)):
            x = load(z, i)
            # Not a maximum: of a NaN and 0 it could be 0.
            store(z, i, choose(x < _zero(x), _zero(x), x))
    else:
        for i in range(0, z.size, width(z)):
            x = load(z, i)
            store(z, i, choose(x < _zero(x), _leak(x) * x, x))


@inlined
def _deactivate_bounded(code: Any, a: Any, da: Any) -> None:
    if code == SIGMOID:
        for i in range(0, a.size, width(a)):
            y = load(a, i)
            store(da, i, load(da, i) * (y * (_one(y) - y)))
    else:
        for i in range(0, a.size, width(a)):
            y = load(a, i)
            store(da, i, load(da, i) * (_one(y) - y * y))


@inlined
def _deactivate_rectified(code: Any, a: Any, da: Any) -> None:
    if code == RELU:
        for i in range(0, a.size, width(a)):
            y, dy = load(a, i), load(da, i)
            store(da, i, choose(y > _zero(y), dy, _zero(y)))
    elif code == LEAKY_RELU:
        for i in range(0, a.size, width(a)):
            y, dy = load(a, i), load(da, i)
            store(da, i, choose(y > _zero(y), dy, _leak(dy) * dy))
    else:
        # f'(z) = alpha exp(z) = f(z) + alpha where z < 0.
        for i in range(0, a.size, width(a)):
            y, dy = load(a, i), load(da, i)
            scale = _selu_scale(y) if code == SELU else _one(y)
            alpha = _selu_alpha(y) if code == SELU else _elu_alpha(y)
            store(da, i, dy * choose(y > _zero(y), scale, y + alpha))


@inlined
def _activate_exponential(code: Any, z: Any) -> None:
    for i in range(0, z.size, width(z)):
        x = load(z, i)
        scale = _selu_scale(x) if code == SELU else _one(x)
        alpha = _selu_alpha(x) if code == SELU else _elu_alpha(x)
        below = alpha * expm1(smaller(x, _zero(x)))
        store(z, i, choose(x < _zero(x), below, scale * x))


@inlined
def _activate_smooth(code: Any, z: Any, slope: Any) -> None:
    if code == SILU:
        for i in range(0, z.size, width(z)):
            x = load(z, i)
            s = logistic(x)
            store(slope, i, s * (_one(x) + x * (_one(x) - s)))
            store(z, i, x * s)
    elif code == GELU:
        for i in range(0, z.size, width(z)):
            x = load(z, i)
            phi = normal_cdf(x)
            store(slope, i, phi + x * exp(_minus_half(x) * x * x) * _density_at_0(x))
            store(z, i, x * phi)
    elif code == SOFTPLUS:
        for i in range(0, z.size, width(z)):
            x = load(z, i)
            store(slope, i, logistic(x))
            store(z, i, softplus(x))
    else:
        for i in range(0, z.size, width(z)):
            x = load(z, i)
            t = _tanh_of_softplus(x)
            store(slope, i, t + x * (_one(x) - t * t) * logistic(x))
            store(z, i, x * t)


@inlined
def _tanh_of_softplus(x: Any) -> Any:
    """((1 + e^x)^2 - 1) / ((1 + e^x)^2 + 1), divided through by e^2x where that is large."""
    e = exp(-magnitude(x))
    positive = x > _zero(x)
    above = choose(positive, _one(x) + _two(x) * e, e * (e + _two(x)))
    return above / (above + choose(positive, _two(x) * e * e, _two(x)))
