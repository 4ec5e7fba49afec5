"""The numbers of each step that are the same for all parameters, for many steps at once.

The kernels keep moments as sums, M = m / (1 - beta1) and V = v / (1 - beta2). With the bias
corrections m_hat = m / (1 - beta1^n), v_hat = v / (1 - beta2^n) and
s = sqrt((1 - beta2) / (1 - beta2^n)), Adam's step lr m_hat / (sqrt(v_hat) + eps) is
lr (1 - beta1) / (1 - beta1^n) / s * M / (sqrt(V) + eps / s).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workers.engine.kernels.contract import Coefficients
    from workers.engine.spec import (
        AdadeltaSpec,
        AdagradSpec,
        AdamaxSpec,
        AdamSpec,
        AdamWSpec,
        LbfgsSpec,
        NadamSpec,
        Optimizer,
        RmspropSpec,
        SgdSpec,
    )

_NEGLIGIBLE = 1e-20
"""1 minus less than this is 1 in float64."""


def coefficients(spec: Optimizer, n: Any, rate: Any) -> Coefficients:
    """The numbers of the n-th update (from 1) at this learning rate, in the kernel's order.

    n and rate are numbers, or arrays of one shape for many steps: then so is each coefficient.
    """
    steps = np.asarray(n, np.float64)
    return _BY_TYPE[spec.type](spec, steps, np.asarray(rate, np.float64))


def _rate(spec: SgdSpec | AdagradSpec | LbfgsSpec, n: Any, rate: Any) -> Coefficients:  # noqa: ARG001
    return (rate,)


def _adam(spec: AdamSpec | AdamWSpec, n: Any, rate: Any) -> Coefficients:
    scale = np.sqrt((1.0 - spec.beta2) / _rest(spec.beta2, n))
    corrected = rate * (1.0 - spec.beta1) / _rest(spec.beta1, n) / scale
    return corrected, spec.epsilon / scale


def _adamw(spec: AdamWSpec, n: Any, rate: Any) -> Coefficients:
    return *_adam(spec, n, rate), 1.0 - rate * spec.weight_decay


def _rest(beta: float, n: Any) -> Any:
    """1 - beta^n, with no power smaller than what is lost beside 1: those take long to compute."""
    if beta <= 0.0:
        return np.ones_like(n)
    return 1.0 - beta ** np.minimum(n, math.log(_NEGLIGIBLE) / math.log(beta))


def _rmsprop(spec: RmspropSpec, n: Any, rate: Any) -> Coefficients:
    scale = math.sqrt(1.0 - spec.alpha)
    return rate / scale, np.full(n.shape, spec.epsilon / scale)


def _adadelta(spec: AdadeltaSpec, n: Any, rate: Any) -> Coefficients:
    return rate, np.full(n.shape, spec.epsilon / (1.0 - spec.rho))


def _adamax(spec: AdamaxSpec, n: Any, rate: Any) -> Coefficients:
    return (rate * (1.0 - spec.beta1) / _rest(spec.beta1, n),)


def _nadam(spec: NadamSpec, n: Any, rate: Any) -> Coefficients:
    scale = np.sqrt((1.0 - spec.beta2) / _rest(spec.beta2, n))
    now = _momentum(spec.beta1, spec.momentum_decay, n)
    following = _momentum(spec.beta1, spec.momentum_decay, n + 1.0)
    product = _momentum_product(spec.beta1, spec.momentum_decay, n)
    rate_m = rate * following * (1.0 - spec.beta1) / (1.0 - product * following) / scale
    rate_g = rate * (1.0 - now) / (1.0 - product) / scale
    return rate_m, rate_g, spec.epsilon / scale


def _momentum(beta1: float, decay: float, n: Any) -> Any:
    """mu_n = beta1 (1 - 0.96^(n decay) / 2)."""
    return beta1 * (1.0 - 0.5 * 0.96 ** (n * decay))


def _momentum_product(beta1: float, decay: float, n: Any) -> Any:
    """mu_1 ... mu_n, for each n."""
    longest = 1 if beta1 == 0.0 else math.ceil(math.log(_NEGLIGIBLE) / math.log(beta1)) + 1
    needed = min(int(n.max()), longest)
    products = _momentum_products(beta1, decay, 1 << (needed - 1).bit_length())
    # No mu is above beta1: after `longest` factors the product is negligible, and stays so.
    places = np.minimum(n.astype(np.int64), len(products)) - 1
    return products[places]


@lru_cache(maxsize=8)
def _momentum_products(beta1: float, decay: float, count: int) -> Any:
    return np.cumprod(_momentum(beta1, decay, np.arange(1.0, count + 1.0)))


_BY_TYPE: Mapping[str, Callable[[Any, Any, Any], Coefficients]] = {
    "sgd": _rate,
    "adam": _adam,
    "adamw": _adamw,
    "rmsprop": _rmsprop,
    "adagrad": _rate,
    "adadelta": _adadelta,
    "adamax": _adamax,
    "nadam": _nadam,
    "lbfgs": _rate,
}
