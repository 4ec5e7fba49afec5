"""Losses of numbers and of logits for {0, 1} targets: value and gradient in one launch and a sum.

Formulas in `spec.losses`. A row counts in the mean what its weight is of the sum of the weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workers.engine.kernels.fused.elementwise import Elementwise

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.kernels.contract import LossFactory
    from workers.engine.kernels.fused.elementwise import Compile
    from workers.engine.tensors import Array, Memory, Shape


class ElementLoss(NamedTuple):
    """`loss` and its derivative `slope` by the score z, with the target t, after `prepare`.

    `parameter` takes from the specification the number that the formula calls `parameter`.
    """

    loss: str
    slope: str
    prepare: str = ""
    parameter: Callable[[Any], float] = lambda _spec: 0.0


_RESIDUAL = "const T e = z - t;"
_FOCAL = """
const T sign = T(2) * t - T(1);
const T u = z * sign;
const T p = T(1) / (T(1) + exp(-u));
const T q = T(1) / (T(1) + exp(u));
const T log_p = (u < T(0) ? u : T(0)) - log1p(exp(-fabs(u)));
const T power = pow(q, parameter);
"""

ELEMENT_LOSSES: dict[str, ElementLoss] = {
    "mse": ElementLoss("e * e", "T(2) * e", _RESIDUAL),
    "mae": ElementLoss("fabs(e)", "e > T(0) ? T(1) : e < T(0) ? T(-1) : e", _RESIDUAL),
    # With c = clip(e, -delta, delta) both branches are c (e - c / 2).
    "huber": ElementLoss(
        "c * (e - T(0.5) * c)",
        "c",
        _RESIDUAL + "const T c = e > parameter ? parameter : e < -parameter ? -parameter : e;",
        lambda spec: float(spec.delta),
    ),
    "quantile": ElementLoss(
        "e * lean",
        "lean",
        _RESIDUAL + "const T lean = e < T(0) ? -parameter : e > T(0) ? T(1) - parameter : e;",
        lambda spec: float(spec.quantile),
    ),
    "poisson": ElementLoss("expected - t * z", "expected - t", "const T expected = exp(z);"),
    "binary_cross_entropy": ElementLoss(
        "(z > T(0) ? z : T(0)) - z * smoothed + log1p(exp(-fabs(z)))",
        "T(1) / (T(1) + exp(-z)) - smoothed",
        "const T smoothed = t * (T(1) - parameter) + T(0.5) * parameter;",
        lambda spec: float(spec.label_smoothing),
    ),
    # log p and p as in `kernels.plain.losses_sigmoid`: no difference of rounded numbers.
    "binary_focal": ElementLoss(
        "-power * log_p",
        "(parameter * p * log_p - q) * power * sign",
        _FOCAL,
        lambda spec: float(spec.gamma),
    ),
}


def kernel(name: str) -> Elementwise:
    """The loss's one launch."""
    f = ELEMENT_LOSSES[name]
    return Elementwise(
        f"{name}_loss",
        "T z, T t, T weight, T total, T parameter",
        "T gradient, T term",
        f"{f.prepare} const T share = weight / total;"
        f"const T loss = {f.loss}; const T slope = {f.slope};"
        "gradient = slope * share; term = loss * share;",
    )


class OverElements:
    """The mean over all elements of a batch, of each row by its weight."""

    def __init__(self, launch: Any, parameter: float, memory: Memory, shape: Shape) -> None:
        self._launch = launch
        self._parameter = parameter
        self._sum = memory.xp.sum
        self._terms = memory.empty(shape)
        self._shares = Shares(memory, shape, per_row=shape[-1])

    def __call__(
        self, scores: Array, targets: Any, weights: Array | None, gradient: Array, value: Array
    ) -> None:
        """Targets (..., B, K)."""
        weight, total = self._shares(weights)
        terms = self._terms
        self._launch(scores, targets, weight, total, self._parameter, gradient, terms)
        self._sum(terms, axis=(-2, -1), out=value)


class Shares:
    """What a row's losses are multiplied by, and divided by: weights and their sum.

    There are `per_row` losses in a row of `shape` (..., B, K). Where all weights are 0 the
    quotients are 0, not 0 / 0.
    """

    def __init__(self, memory: Memory, shape: Shape, *, per_row: int) -> None:
        self._xp = memory.xp
        *lead, rows, _ = shape
        self._equal = (1.0, float(rows * per_row))
        self._per_row = float(per_row)
        self._least = float(np.finfo(memory.dtype).tiny)
        self._total = memory.empty((*lead, 1))

    def __call__(self, weights: Array | None) -> tuple[Any, Any]:
        """Weights (..., B) to arrays that go with (..., B, K); without any, to two numbers."""
        if weights is None:
            return self._equal
        total = self._total
        self._xp.sum(weights, axis=-1, out=total, keepdims=True)
        self._xp.maximum(total, self._least, out=total)
        self._xp.multiply(total, self._per_row, out=total)
        return weights[..., None], total[..., None]


def factories(compiled: Compile) -> dict[str, LossFactory]:
    """Every loss over elements by its name."""

    def make(name: str) -> LossFactory:
        def on_shape(spec: Any, memory: Memory, shape: Shape) -> OverElements:
            parameter = ELEMENT_LOSSES[name].parameter(spec)
            return OverElements(compiled(kernel(name)), parameter, memory, shape)

        return on_shape

    return {name: make(name) for name in ELEMENT_LOSSES}
