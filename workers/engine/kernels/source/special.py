"""Exponential functions of registers, in both precisions.

A library's own are called number by number; these take a register of `lanes` at a time. Each is
right to some units in the last place, goes to the limits it should at both ends, and keeps a NaN.
"""

from __future__ import annotations

import math
from typing import Any

from numba import types
from numba.extending import overload

from workers.engine.kernels.source.jit import (
    constant,
    exponent_of,
    inlined,
    polynomial,
    power_of_two,
)
from workers.engine.kernels.source.lanes import (
    choose,
    each_by,
    larger,
    magnitude,
    nearest,
    smaller,
)

_erfc = each_by("erfc")

_LN_2 = math.log(2.0)
# ln 2 in two parts, the first so short that its product with an exponent is exact.
_LN_2_HIGH = 0.693359375

_zero = constant(0.0)
_one = constant(1.0)
_half = constant(0.5)
_two = constant(2.0)
_log2_e = constant(1.0 / _LN_2)
_ln_2 = constant(_LN_2)
_ln_2_high = constant(_LN_2_HIGH)
_ln_2_low = constant(-2.1219444005469058277e-4)
_sqrt_2 = constant(math.sqrt(2.0))
_sqrt_half = constant(math.sqrt(0.5))
_infinity = constant(math.inf)
# Beyond these exp is 0 or infinite, and the exponents of its two factors stay in range.
_lowest = constant(float32=-104.0, float64=-746.0)
_highest = constant(float32=89.0, float64=710.0)
# The least exponent of a number not yet lost beside 1.
_lost = constant(float32=-40.0, float64=-80.0)

# (exp(r) - 1) / r = 1 + r / 2! + r^2 / 3! + ..., for |r| <= ln(2) / 2.
_exponential_series = polynomial(
    float32=tuple(1.0 / math.factorial(n + 1) for n in range(7)),
    float64=tuple(1.0 / math.factorial(n + 1) for n in range(14)),
)
# atanh(s) / s = 1 + s^2 / 3 + s^4 / 5 + ..., taken at s^2; for |s| < 0.172 ...
_atanh_series = polynomial(
    float32=tuple(1.0 / (2 * n + 1) for n in range(6)),
    float64=tuple(1.0 / (2 * n + 1) for n in range(12)),
)
# ... and for |s| <= 1 / 3.
_wide_atanh_series = polynomial(
    float32=tuple(1.0 / (2 * n + 1) for n in range(9)),
    float64=tuple(1.0 / (2 * n + 1) for n in range(18)),
)
# exp(x^2) erfc(x) / t at t = 1 / (1 + x / 2): Chebyshev fit on 0 <= x <= 14, relative error 5e-9.
_scaled_erfc = polynomial(
    float32=(
        0.2820933151017756,
        0.2821344273291627,
        0.2464214222090213,
        0.17821106089820102,
        0.08237888081587452,
        -0.03184982049204359,
        0.08775563403847966,
        -0.40784883107505926,
        0.4622603378530878,
        -0.22277232806749464,
        0.04121590673201408,
    ),
)


@inlined
def _reduced(x: Any) -> Any:
    """N whole and r, |r| <= ln(2) / 2, with x = n ln(2) + r."""
    n = nearest(x * _log2_e(x))
    return n, (x - n * _ln_2_high(x)) - n * _ln_2_low(x)


@inlined
def exp(x: Any) -> Any:
    """The exponential, as 2^n times that of r."""
    bounded = smaller(larger(x, _lowest(x)), _highest(x))
    n, r = _reduced(bounded)
    # In two factors: the power can lie beyond the numbers where the product does not.
    first = nearest(n * _half(x))
    result = (r * _exponential_series(r) + _one(x)) * power_of_two(first) * power_of_two(n - first)
    return choose(x == x, result, x)


@inlined
def expm1(x: Any) -> Any:
    """exp(x) - 1 for x <= 0, right also where it is close to 0."""
    bounded = larger(x, _lowest(x))
    n, r = _reduced(bounded)
    scale = power_of_two(larger(n, _lost(x)))
    result = scale * (r * _exponential_series(r)) + (scale - _one(x))
    return choose(x == x, result, x)


@inlined
def log(x: Any) -> Any:
    """Return, for x = m 2^n, n ln(2) + 2 atanh((m - 1) / (m + 1)), for x >= 1."""
    n = exponent_of(x)
    m = x * power_of_two(-n)
    upper = m > _sqrt_2(x)
    m = choose(upper, m * _half(x), m)
    n = choose(upper, n + _one(x), n)
    s = (m - _one(x)) / (m + _one(x))
    result = n * _ln_2(x) + _two(x) * s * _atanh_series(s * s)
    return choose(x < _infinity(x), result, x)


@inlined
def log1p(x: Any) -> Any:
    """log(1 + x) = 2 atanh(x / (2 + x)), for x in [0, 1]."""
    s = x / (_two(x) + x)
    return _two(x) * s * _wide_atanh_series(s * s)


@inlined
def tanh(x: Any) -> Any:
    """Return, of |x|, -e / (2 + e) with e = exp(-2 |x|) - 1, and the sign of x."""
    e = expm1(-_two(x) * magnitude(x))
    t = -e / (_two(x) + e)
    return choose(x >= _zero(x), t, -t)


@inlined
def logistic(x: Any) -> Any:
    """1 / (1 + exp(-x)); where the exponential is infinite, 0."""
    return _one(x) / (_one(x) + exp(-x))


@inlined
def softplus(x: Any) -> Any:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    rest = log1p(exp(-magnitude(x)))
    return choose(x > _zero(x), x + rest, rest)


def normal_cdf(x: Any) -> Any:
    """Phi(x), the probability that a standard normal variable is below x."""
    raise NotImplementedError


@overload(normal_cdf, fastmath={"contract", "nsz"})
def _normal_cdf(x: Any) -> Any:
    def in_double_precision(x: Any) -> Any:
        return _half(x) * _erfc(-x * _sqrt_half(x))

    def in_single_precision(x: Any) -> Any:
        y = magnitude(x) * _sqrt_half(x)
        t = _two(x) / (_two(x) + y)
        tail = _half(x) * exp(-y * y) * t * _scaled_erfc(t)
        return choose(x < _zero(x), tail, _one(x) - tail)

    return in_double_precision if x.dtype == types.float64 else in_single_precision
