"""The optimisers, each with its update rule and parameters; g the gradient, w the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Interval, Le

from workers.engine.spec.base import STRICT, DecayRate, Epsilon, Formula, LearningRate, Tagged

WeightDecay = Annotated[float, Ge(0.0), Le(10.0)]


@dataclass(frozen=True, kw_only=True)
class SgdSpec:
    """Stochastic gradient descent with momentum; Nesterov steps along `g + mu b`."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "b = mu b + g (the first b is g); w -= lr b; Nesterov: w -= lr (g + mu b)",
        None,
        "Sutskever et al. 2013",
    )
    type: Literal["sgd"] = "sgd"
    learning_rate: LearningRate = 0.01
    momentum: DecayRate = 0.0
    nesterov: bool = False


@dataclass(frozen=True, kw_only=True)
class AdamSpec:
    """Adam, epsilon outside the root, bias-corrected."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; "
        "w -= lr (m / (1 - beta1^n)) / (sqrt(v / (1 - beta2^n)) + epsilon)",
        None,
        "Kingma and Ba 2015",
    )
    type: Literal["adam"] = "adam"
    learning_rate: LearningRate = 0.001
    beta1: DecayRate = 0.9
    beta2: DecayRate = 0.999
    epsilon: Epsilon = 1e-8


@dataclass(frozen=True, kw_only=True)
class AdamWSpec:
    """Adam with decoupled weight decay, on weights alone."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "w *= 1 - lr weight_decay; then a step of Adam", None, "Loshchilov and Hutter 2019"
    )
    type: Literal["adamw"] = "adamw"
    learning_rate: LearningRate = 0.001
    beta1: DecayRate = 0.9
    beta2: DecayRate = 0.999
    epsilon: Epsilon = 1e-8
    weight_decay: WeightDecay = 0.01


@dataclass(frozen=True, kw_only=True)
class RmspropSpec:
    """RMSprop, epsilon outside the root; `centered` subtracts the mean gradient's square."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "v = alpha v + (1 - alpha) g^2; s = sqrt(v) + epsilon (centered: sqrt(v - a^2) + epsilon, "
        "a = alpha a + (1 - alpha) g); b = mu b + g / s; w -= lr b",
        None,
        "Tieleman and Hinton 2012; Graves 2013 (centered)",
    )
    type: Literal["rmsprop"] = "rmsprop"
    learning_rate: LearningRate = 0.01
    alpha: DecayRate = 0.99
    momentum: DecayRate = 0.0
    centered: bool = False
    epsilon: Epsilon = 1e-8


@dataclass(frozen=True, kw_only=True)
class AdagradSpec:
    """Adagrad: each parameter's rate falls with the squares of its gradients so far."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "v = v + g^2; w -= lr g / (sqrt(v) + epsilon)", None, "Duchi et al. 2011"
    )
    type: Literal["adagrad"] = "adagrad"
    learning_rate: LearningRate = 0.01
    epsilon: Epsilon = 1e-10


@dataclass(frozen=True, kw_only=True)
class AdadeltaSpec:
    """Adadelta: the step has the size of the steps so far."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "v = rho v + (1 - rho) g^2; d = sqrt(u + epsilon) / sqrt(v + epsilon) g; "
        "u = rho u + (1 - rho) d^2; w -= lr d",
        None,
        "Zeiler 2012",
    )
    type: Literal["adadelta"] = "adadelta"
    learning_rate: LearningRate = 1.0
    rho: DecayRate = 0.9
    epsilon: Epsilon = 1e-6


@dataclass(frozen=True, kw_only=True)
class AdamaxSpec:
    """Adam with the largest gradient in place of the mean square."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "m = beta1 m + (1 - beta1) g; u = max(beta2 u, |g| + epsilon); "
        "w -= lr / (1 - beta1^n) m / u",
        None,
        "Kingma and Ba 2015, 7.1",
    )
    type: Literal["adamax"] = "adamax"
    learning_rate: LearningRate = 0.002
    beta1: DecayRate = 0.9
    beta2: DecayRate = 0.999
    epsilon: Epsilon = 1e-8


@dataclass(frozen=True, kw_only=True)
class NadamSpec:
    """Adam with Nesterov's momentum, its momentum warmed up."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "mu_n = beta1 (1 - 0.96^(n momentum_decay) / 2); m and v as Adam; w -= lr "
        "(mu_{n+1} m / (1 - mu_1 ... mu_{n+1}) + (1 - mu_n) g / (1 - mu_1 ... mu_n)) "
        "/ (sqrt(v / (1 - beta2^n)) + epsilon)",
        None,
        "Dozat 2016",
    )
    type: Literal["nadam"] = "nadam"
    learning_rate: LearningRate = 0.002
    beta1: DecayRate = 0.9
    beta2: DecayRate = 0.999
    momentum_decay: Annotated[float, Ge(0.0), Le(1.0)] = 0.004
    epsilon: Epsilon = 1e-8


@dataclass(frozen=True, kw_only=True)
class LbfgsSpec:
    """Limited-memory BFGS with a strong Wolfe line search, for full batches; a step per epoch."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "w += t d, d = -H g by the two-loop recursion over the last `history` pairs "
        "(s = change of w, y = change of g), t by a strong Wolfe line search from lr",
        None,
        "Nocedal and Wright 2006, 7.2 and 3.5",
    )
    type: Literal["lbfgs"] = "lbfgs"
    learning_rate: LearningRate = 1.0
    history: Annotated[int, Interval(ge=1, le=100)] = 10
    max_evaluations: Annotated[int, Interval(ge=1, le=100)] = 25


Optimizer = Annotated[
    SgdSpec
    | AdamSpec
    | AdamWSpec
    | RmspropSpec
    | AdagradSpec
    | AdadeltaSpec
    | AdamaxSpec
    | NadamSpec
    | LbfgsSpec,
    Tagged("type"),
]
