"""The pointwise activations as loops over whole arrays: formulas in `spec.activations`."""

from __future__ import annotations

import math
from typing import Any

from workers.engine.kernels.program import (
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
from workers.engine.kernels.source.jit import constant, inlined
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


@inlined
def activate(code: Any, z: Any, slope: Any) -> None:
    """Replace z (N,) by f(z), and leave f'(z) in `slope` (N,) for the functions that keep it."""
    if code < RELU:
        _activate_bounded(code, z)
    elif code == RELU:
        for i in range(z.size):
            # Not a maximum: of a NaN and 0 it could be 0.
            z[i] = _zero(z[i]) if z[i] < _zero(z[i]) else z[i]
    elif code == LEAKY_RELU:
        for i in range(z.size):
            z[i] = _leak(z[i]) * z[i] if z[i] < _zero(z[i]) else z[i]
    elif code < GELU:
        _activate_exponential(code, z)
    else:
        _activate_smooth(code, z, slope)


@inlined
def deactivate(code: Any, a: Any, slope: Any, da: Any) -> None:
    """Replace da = dL/da (N,) by dL/dz = da f'(z), from what `activate` left in a and slope."""
    if code == IDENTITY:
        return
    if code >= GELU:
        for i in range(a.size):
            da[i] *= slope[i]
    elif code < RELU:
        _deactivate_bounded(code, a, da)
    else:
        _deactivate_rectified(code, a, da)


@inlined
def _activate_bounded(code: Any, z: Any) -> None:
    if code == SIGMOID:
        for i in range(z.size):
            z[i] = logistic(z[i])
    elif code == TANH:
        for i in range(z.size):
            z[i] = tanh(z[i])


@inlined
def _deactivate_bounded(code: Any, a: Any, da: Any) -> None:
    if code == SIGMOID:
        for i in range(a.size):
            da[i] *= a[i] * (_one(a[i]) - a[i])
    else:
        for i in range(a.size):
            da[i] *= _one(a[i]) - a[i] * a[i]


@inlined
def _deactivate_rectified(code: Any, a: Any, da: Any) -> None:
    if code == RELU:
        for i in range(a.size):
            da[i] = da[i] if a[i] > _zero(a[i]) else _zero(da[i])
    elif code == LEAKY_RELU:
        for i in range(a.size):
            da[i] = da[i] if a[i] > _zero(a[i]) else _leak(da[i]) * da[i]
    else:
        # f'(z) = alpha exp(z) = f(z) + alpha where z < 0.
        scale = _selu_scale(a[0]) if code == SELU else _one(a[0])
        alpha = _selu_alpha(a[0]) if code == SELU else _elu_alpha(a[0])
        for i in range(a.size):
            da[i] *= scale if a[i] > _zero(a[i]) else a[i] + alpha


@inlined
def _activate_exponential(code: Any, z: Any) -> None:
    scale = _selu_scale(z[0]) if code == SELU else _one(z[0])
    alpha = _selu_alpha(z[0]) if code == SELU else _elu_alpha(z[0])
    for i in range(z.size):
        x = z[i]
        below = alpha * expm1(x if x < _zero(x) else _zero(x))
        z[i] = below if x < _zero(x) else scale * x


@inlined
def _activate_smooth(code: Any, z: Any, slope: Any) -> None:
    if code == SILU:
        for i in range(z.size):
            x = z[i]
            s = logistic(x)
            slope[i] = s * (_one(x) + x * (_one(x) - s))
            z[i] = x * s
    elif code == GELU:
        for i in range(z.size):
            x = z[i]
            phi = normal_cdf(x)
            slope[i] = phi + x * exp(_minus_half(x) * x * x) * _density_at_0(x)
            z[i] = x * phi
    elif code == SOFTPLUS:
        for i in range(z.size):
            slope[i] = logistic(z[i])
            z[i] = softplus(z[i])
    else:
        for i in range(z.size):
            x = z[i]
            t = _tanh_of_softplus(x)
            slope[i] = t + x * (_one(x) - t * t) * logistic(x)
            z[i] = x * t


@inlined
def _tanh_of_softplus(x: Any) -> Any:
    """((1 + e^x)^2 - 1) / ((1 + e^x)^2 + 1), divided through by e^2x where that is large."""
    e = exp(-abs(x))
    positive = x > _zero(x)
    above = _one(x) + _two(x) * e if positive else e * (e + _two(x))
    return above / (above + (_two(x) * e * e if positive else _two(x)))
