"""The optimisers' first step by the textbook, every quantity under its name in the formula.

Written out on purpose a second time, without the engine's kernels: a trace shows both results, and
that they agree. w are the parameters, g the gradient after clipping; all moments start at 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workers.engine.spec import AdamSpec, AdamWSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workers.engine.spec import (
        AdadeltaSpec,
        AdagradSpec,
        AdamaxSpec,
        NadamSpec,
        Optimizer,
        RmspropSpec,
        SgdSpec,
    )
    from workers.engine.tensors import Array


class FirstStep(NamedTuple):
    """A first step: the formula as it is at n = 1, what it goes through by name, where it ends.

    `worked` is the last formula again, with a {place} for each of its numbers.
    """

    formula: str
    quantities: Mapping[str, Array]
    after: Array
    worked: str


def first_step(spec: Optimizer, w: Array, g: Array, decayed: Array) -> FirstStep | None:
    """The step from w (P,) along the gradient g (P,) at the optimiser's learning rate.

    `decayed` (P,) is 1 for the weights on which a decay acts, else 0. None for L-BFGS, whose
    length of step is found by a search.
    """
    step = _STEPS.get(spec.type)
    return None if step is None else step(spec, w, g, decayed)


def _sgd(spec: SgdSpec, w: Array, g: Array, _: Array) -> FirstStep:
    lr = spec.learning_rate
    if not spec.momentum:
        return FirstStep("w' = w - lr g", {}, w - lr * g, "{w} - {lr} * {g}")
    b = g.copy()
    if not spec.nesterov:
        return FirstStep("b = g; w' = w - lr b", {"b": b}, w - lr * b, "{w} - {lr} * {b}")
    d = g + spec.momentum * b
    formula = "b = g; d = g + momentum b; w' = w - lr d"
    return FirstStep(formula, {"b": b, "d": d}, w - lr * d, "{w} - {lr} * {d}")


def _adam(spec: AdamSpec | AdamWSpec, w: Array, g: Array, decayed: Array) -> FirstStep:
    lr = spec.learning_rate
    m, v = (1.0 - spec.beta1) * g, (1.0 - spec.beta2) * g * g
    m_hat, v_hat = m / (1.0 - spec.beta1), v / (1.0 - spec.beta2)
    found = {"m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat}
    change = lr * m_hat / (np.sqrt(v_hat) + spec.epsilon)
    start = "u" if isinstance(spec, AdamWSpec) else "w"
    formula = (
        "m = (1 - beta1) g; v = (1 - beta2) g^2; m_hat = m / (1 - beta1); v_hat = v / (1 - beta2); "
        f"w' = {start} - lr m_hat / (sqrt(v_hat) + epsilon)"
    )
    worked = f"{{{start}}} - {{lr}} * {{m_hat}} / (sqrt({{v_hat}}) + {{epsilon}})"
    if isinstance(spec, AdamSpec):
        return FirstStep(formula, found, w - change, worked)
    u = w * (1.0 - lr * spec.weight_decay * decayed)
    formula = f"u = w (1 - lr weight_decay) for weights, else w; {formula}"
    return FirstStep(formula, found | {"u": u}, u - change, worked)


def _rmsprop(spec: RmspropSpec, w: Array, g: Array, _: Array) -> FirstStep:
    lr = spec.learning_rate
    v = (1.0 - spec.alpha) * g * g
    found: dict[str, Array] = {"v": v}
    spread, formula = v, "v = (1 - alpha) g^2; "
    if spec.centered:
        a = (1.0 - spec.alpha) * g
        found["a"], spread = a, v - a * a
        formula += "a = (1 - alpha) g; s = sqrt(v - a^2) + epsilon; "
    else:
        formula += "s = sqrt(v) + epsilon; "
    s = np.sqrt(spread) + spec.epsilon
    change = g / s
    found |= {"s": s, "b": change}
    return FirstStep(
        formula + "b = g / s; w' = w - lr b", found, w - lr * change, "{w} - {lr} * {b}"
    )


def _adagrad(spec: AdagradSpec, w: Array, g: Array, _: Array) -> FirstStep:
    lr = spec.learning_rate
    v = g * g
    return FirstStep(
        "v = g^2; w' = w - lr g / (sqrt(v) + epsilon)",
        {"v": v},
        w - lr * g / (np.sqrt(v) + spec.epsilon),
        "{w} - {lr} * {g} / (sqrt({v}) + {epsilon})",
    )


def _adadelta(spec: AdadeltaSpec, w: Array, g: Array, _: Array) -> FirstStep:
    lr = spec.learning_rate
    v = (1.0 - spec.rho) * g * g
    d = math.sqrt(spec.epsilon) / np.sqrt(v + spec.epsilon) * g
    return FirstStep(
        "v = (1 - rho) g^2; d = sqrt(epsilon) / sqrt(v + epsilon) g; w' = w - lr d",
        {"v": v, "d": d},
        w - lr * d,
        "{w} - {lr} * {d}",
    )


def _adamax(spec: AdamaxSpec, w: Array, g: Array, _: Array) -> FirstStep:
    lr = spec.learning_rate
    m, u = (1.0 - spec.beta1) * g, np.abs(g) + spec.epsilon
    return FirstStep(
        "m = (1 - beta1) g; u = |g| + epsilon; w' = w - lr / (1 - beta1) m / u",
        {"m": m, "u": u},
        w - lr / (1.0 - spec.beta1) * m / u,
        "{w} - {lr} / (1 - {beta1}) * {m} / {u}",
    )


def _nadam(spec: NadamSpec, w: Array, g: Array, _: Array) -> FirstStep:
    lr = spec.learning_rate
    mu1, mu2 = (spec.beta1 * (1.0 - 0.5 * 0.96 ** (n * spec.momentum_decay)) for n in (1, 2))
    m, v = (1.0 - spec.beta1) * g, (1.0 - spec.beta2) * g * g
    v_hat = v / (1.0 - spec.beta2)
    d = mu2 * m / (1.0 - mu1 * mu2) + (1.0 - mu1) * g / (1.0 - mu1)
    return FirstStep(
        "m = (1 - beta1) g; v = (1 - beta2) g^2; v_hat = v / (1 - beta2); "
        f"mu_1 = {mu1:.6g}; mu_2 = {mu2:.6g}; d = mu_2 m / (1 - mu_1 mu_2) + g; "
        "w' = w - lr d / (sqrt(v_hat) + epsilon)",
        {"m": m, "v": v, "v_hat": v_hat, "d": d},
        w - lr * d / (np.sqrt(v_hat) + spec.epsilon),
        "{w} - {lr} * {d} / (sqrt({v_hat}) + {epsilon})",
    )


_STEPS: Mapping[str, Callable[[Any, Array, Array, Array], FirstStep]] = {
    "sgd": _sgd,
    "adam": _adam,
    "adamw": _adam,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "adamax": _adamax,
    "nadam": _nadam,
}
