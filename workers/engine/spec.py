"""The specification of a network with its training: the one declaration of every field and range.

Plain frozen dataclasses, so that the engine stays free of pydantic; pydantic reads the annotations
and the `__pydantic_config__` of each class to validate requests and to write the JSON schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from annotated_types import Ge, Gt, Interval, Le, Len, Lt

_STRICT = {"extra": "forbid", "strict": True}

Activation = Literal["identity", "sigmoid", "tanh", "relu", "softmax"]
Initializer = Literal["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "zeros"]
Precision = Literal["float32", "float64"]
Monitor = Literal["val_loss", "train_loss"]

Units = Annotated[int, Interval(ge=1, le=16_384)]
Epochs = Annotated[int, Interval(ge=1, le=10_000)]
BatchSize = Annotated[int, Interval(ge=1, le=65_536)]
LearningRate = Annotated[float, Gt(1e-12), Le(10.0)]
DecayRate = Annotated[float, Ge(0.0), Lt(1.0)]
Patience = Annotated[int, Interval(ge=1, le=10_000)]
Seed = Annotated[int, Interval(ge=0, le=2**63 - 1)]

MAX_LAYERS = 64


class Tagged:
    """Makes pydantic choose the member of a union by one literal field, with errors for that one.

    A duck-typed hook: the returned core schema is plain data, so pydantic is not imported here.
    """

    def __init__(self, field: str) -> None:
        self._field = field

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> dict[str, Any]:
        members = get_args(source) or (source,)
        choices = {getattr(m, self._field): handler.generate_schema(m) for m in members}
        return {"type": "tagged-union", "discriminator": self._field, "choices": choices}


@dataclass(frozen=True, kw_only=True)
class DenseSpec:
    """A fully connected layer `f(X W + b)`.

    `initializer` None takes the one that suits the activation: He for ReLU (He et al. 2015),
    Glorot otherwise (Glorot and Bengio 2010). Biases start at 0.
    """

    __pydantic_config__ = _STRICT
    units: Units
    type: Literal["dense"] = "dense"
    activation: Activation = "relu"
    initializer: Initializer | None = None
    bias: bool = True


@dataclass(frozen=True, kw_only=True)
class OutputSpec:
    """The output layer: its units follow from the target, its activation from the task."""

    __pydantic_config__ = _STRICT
    activation: Activation


Layer = Annotated[DenseSpec, Tagged("type")]


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """The hidden layers, first to last; none at all is `y = W x + b`."""

    __pydantic_config__ = _STRICT
    layers: Annotated[tuple[Layer, ...], Len(0, MAX_LAYERS)] = ()
    output: OutputSpec | None = None


@dataclass(frozen=True, kw_only=True)
class SgdSpec:
    """Stochastic gradient descent: `b = mu b + g; w -= lr b`; Nesterov steps along `g + mu b`."""

    __pydantic_config__ = _STRICT
    type: Literal["sgd"] = "sgd"
    learning_rate: LearningRate = 0.01
    momentum: DecayRate = 0.0
    nesterov: bool = False


@dataclass(frozen=True, kw_only=True)
class AdamSpec:
    """Adam (Kingma and Ba 2015), epsilon outside the root, bias-corrected."""

    __pydantic_config__ = _STRICT
    type: Literal["adam"] = "adam"
    learning_rate: LearningRate = 0.001
    beta1: DecayRate = 0.9
    beta2: DecayRate = 0.999
    epsilon: Annotated[float, Gt(0.0), Le(1.0)] = 1e-8


Optimizer = Annotated[SgdSpec | AdamSpec, Tagged("type")]


@dataclass(frozen=True, kw_only=True)
class MseSpec:
    """Mean squared error: the mean over all elements, without 1/2."""

    __pydantic_config__ = _STRICT
    type: Literal["mse"] = "mse"


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropySpec:
    """Cross-entropy of sigmoid(logit) against {0, 1}, from logits, in nats."""

    __pydantic_config__ = _STRICT
    type: Literal["binary_cross_entropy"] = "binary_cross_entropy"


@dataclass(frozen=True, kw_only=True)
class SoftmaxCrossEntropySpec:
    """Cross-entropy of softmax(logits) against class labels, from logits, in nats."""

    __pydantic_config__ = _STRICT
    type: Literal["softmax_cross_entropy"] = "softmax_cross_entropy"


Loss = Annotated[MseSpec | BinaryCrossEntropySpec | SoftmaxCrossEntropySpec, Tagged("type")]


@dataclass(frozen=True, kw_only=True)
class EarlyStoppingSpec:
    """Stops after `patience` epochs without an improvement of more than `min_delta`."""

    __pydantic_config__ = _STRICT
    monitor: Monitor = "val_loss"
    patience: Patience = 20
    min_delta: Annotated[float, Ge(0.0), Le(1e6)] = 0.0
    restore_best: bool = True


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """Everything that decides a training but the data and the seed. Nothing here is "auto"."""

    __pydantic_config__ = _STRICT
    epochs: Epochs
    batch_size: BatchSize
    loss: Loss
    optimizer: Optimizer = AdamSpec()
    early_stopping: EarlyStoppingSpec | None = None
    shuffle: bool = True
    precision: Precision = "float32"


@dataclass(frozen=True, kw_only=True)
class SplitSpec:
    """How rows are divided: fractions of all rows for validation and test, the rest trains."""

    __pydantic_config__ = _STRICT
    validation: Annotated[float, Ge(0.0), Lt(1.0)] = 0.2
    test: Annotated[float, Ge(0.0), Lt(1.0)] = 0.0
    method: Literal["random", "stratified", "ordered"] = "random"
