"""The normal distribution's upper tail 1 - Phi(x) and density phi(x), for x >= 0, in NumPy alone.

SciPy has them too, at 30 MB of every process. The quotient of both, Mills' ratio M(x), is a
smooth function of t = 1 / (1 + x / 4), which maps [0, infinity) to (0, 1]: there M / t is
interpolated by a polynomial in u = 2 t - 1 at Chebyshev points (Trefethen 2013, 4 and 8). The
tail is then right to 2e-15.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import chebyshev

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engine.tensors import Array, Memory, Shape

_ROOT = math.sqrt(2.0 * math.pi)
_SCALE = 4.0
_DEGREES = {4: 12, 8: 20}
"""By the bytes of a number: 2e-10 is enough for single precision."""

_FAR = 36.0
"""From here on exp(x^2 / 2) overflows, and five terms of the asymptotic series are exact."""


class NormalTail:
    """Density and upper tail of arrays of one shape."""

    def __init__(self, memory: Memory, shape: Shape) -> None:
        self._xp = memory.xp
        degree = _DEGREES[memory.dtype.itemsize]
        self._highest, *self._lower = map(memory.constant, reversed(_coefficients(degree)))
        self._constants = [
            memory.constant(value) for value in (1.0, 2.0, 1.0 / _SCALE, -0.5, 1.0 / _ROOT)
        ]
        self._t = memory.empty(shape)
        self._u = memory.empty(shape)

    def __call__(self, x: Array, density: Array, tail: Array) -> None:
        """From x >= 0 to phi(x) = exp(-x^2 / 2) / sqrt(2 pi) and 1 - Phi(x) = phi(x) M(x)."""
        xp, t, u = self._xp, self._t, self._u
        one, two, per_scale, minus_half, per_root = self._constants
        xp.multiply(x, x, out=density)
        xp.multiply(density, minus_half, out=density)
        xp.exp(density, out=density)
        xp.multiply(density, per_root, out=density)
        xp.multiply(x, per_scale, out=t)
        xp.add(t, one, out=t)
        xp.divide(one, t, out=t)
        xp.multiply(t, two, out=u)
        xp.subtract(u, one, out=u)
        xp.copyto(tail, self._highest)
        for coefficient in self._lower:
            xp.multiply(tail, u, out=tail)
            xp.add(tail, coefficient, out=tail)
        xp.multiply(tail, t, out=tail)
        xp.multiply(tail, density, out=tail)


@lru_cache
def _coefficients(degree: int) -> tuple[float, ...]:
    """Of the polynomial in u, the constant term first."""

    def ratio_over_t(u: NDArray[np.float64]) -> Any:
        t = (u + 1.0) / 2.0
        return np.array([_mills_ratio(_SCALE * (1.0 / x - 1.0)) / x for x in t.tolist()])

    interpolated: Any = chebyshev.chebinterpolate(ratio_over_t, degree)
    return tuple(chebyshev.cheb2poly(interpolated).tolist())


def _mills_ratio(x: float) -> float:
    if x > _FAR:
        terms = (1.0, -1.0 / x**2, 3.0 / x**4, -15.0 / x**6, 105.0 / x**8)
        return math.fsum(terms) / x
    # x^2 would lose the digits that the exponential function needs: a short number's square is
    # exact, and x^2 - short^2 is the product of sum and difference.
    short = round(x * 8.0) / 8.0
    growth = math.exp(short * short / 2.0) * math.exp((x - short) * (x + short) / 2.0)
    return math.sqrt(math.pi / 2.0) * math.erfc(x / math.sqrt(2.0)) * growth
