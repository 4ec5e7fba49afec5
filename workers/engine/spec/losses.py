"""The losses, each with its formula, derivative and parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt

from workers.engine.spec.base import STRICT, DecayRate, Formula, Positive, Tagged

_SMOOTHING = "targets smoothed to (1 - e) t + e / K, e = label_smoothing, K classes"


@dataclass(frozen=True, kw_only=True)
class MseSpec:
    """Mean squared error: the mean over all elements, without 1/2."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "L = mean (y - t)^2", "dL/dy = 2 (y - t) / n", "Goodfellow et al. 2016, 5.1.4"
    )
    type: Literal["mse"] = "mse"


@dataclass(frozen=True, kw_only=True)
class MaeSpec:
    """Mean absolute error: its best constant is the median."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "L = mean |y - t|", "dL/dy = sign(y - t) / n, 0 at y = t", "Laplace 1774"
    )
    type: Literal["mae"] = "mae"


@dataclass(frozen=True, kw_only=True)
class HuberSpec:
    """Quadratic up to `delta`, linear beyond: outliers pull with a bounded force."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "L = mean (e^2 / 2 if |e| <= delta else delta (|e| - delta / 2)), e = y - t",
        "dL/dy = clip(e, -delta, delta) / n",
        "Huber 1964",
    )
    type: Literal["huber"] = "huber"
    delta: Positive = 1.0


@dataclass(frozen=True, kw_only=True)
class QuantileSpec:
    """The pinball loss: its best constant is the `quantile` of the targets."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "L = mean max(q (t - y), (q - 1) (t - y))",
        "dL/dy = (-q if y < t else 1 - q if y > t else 0) / n",
        "Koenker and Bassett 1978",
    )
    type: Literal["quantile"] = "quantile"
    quantile: Annotated[float, Gt(0.0), Lt(1.0)] = 0.5


@dataclass(frozen=True, kw_only=True)
class PoissonSpec:
    """For counts: the score is the logarithm of the expected count."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "L = mean (exp(z) - t z), z the logarithm of the rate",
        "dL/dz = (exp(z) - t) / n",
        "McCullagh and Nelder 1989, 6",
    )
    type: Literal["poisson"] = "poisson"


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropySpec:
    """Cross-entropy of sigmoid(logit) against {0, 1}, from logits, in nats."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "L = mean (max(z, 0) - z t + log(1 + exp(-|z|))); " + _SMOOTHING,
        "dL/dz = (sigmoid(z) - t) / n",
        "Goodfellow et al. 2016, 6.2.2.2",
    )
    type: Literal["binary_cross_entropy"] = "binary_cross_entropy"
    label_smoothing: DecayRate = 0.0


@dataclass(frozen=True, kw_only=True)
class SoftmaxCrossEntropySpec:
    """Cross-entropy of softmax(logits) against class labels, from logits, in nats."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "L = mean (log sum_k exp(z_k) - sum_k t_k z_k); " + _SMOOTHING,
        "dL/dz = (softmax(z) - t) / B",
        "Goodfellow et al. 2016, 6.2.2.3",
    )
    type: Literal["softmax_cross_entropy"] = "softmax_cross_entropy"
    label_smoothing: DecayRate = 0.0


@dataclass(frozen=True, kw_only=True)
class FocalSpec:
    """Cross-entropy that counts easy rows less; from logits, with sigmoid or softmax outputs."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "L = mean (-(1 - p)^gamma log p), p the probability of the true class",
        "dL/dp = (gamma (1 - p)^(gamma - 1) log p - (1 - p)^gamma / p) / n, then through p(z)",
        "Lin et al. 2017",
    )
    type: Literal["focal"] = "focal"
    gamma: Annotated[float, Ge(0.0), Le(10.0)] = 2.0


Loss = Annotated[
    MseSpec
    | MaeSpec
    | HuberSpec
    | QuantileSpec
    | PoissonSpec
    | BinaryCrossEntropySpec
    | SoftmaxCrossEntropySpec
    | FocalSpec,
    Tagged("type"),
]
