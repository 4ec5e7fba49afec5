"""The layers of a network and the network itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Interval, Le, Len

from workers.engine.spec.activations import Activation, OutputActivation
from workers.engine.spec.base import (
    STRICT,
    DecayRate,
    Epsilon,
    Formula,
    Penalty,
    Positive,
    Tagged,
    Units,
)
from workers.engine.spec.initializers import Initializer

MAX_LAYERS = 64
MAX_EMBEDDINGS = 256
MAX_MEMBERS = 64


Members = Annotated[int, Interval(ge=1, le=MAX_MEMBERS)]


@dataclass(frozen=True, kw_only=True)
class DenseSpec:
    """A fully connected layer `f(X W + b)`.

    `initializer` None takes the one that suits the activation: He for ReLU and its kin (He et al.
    2015), LeCun normal for SELU (Klambauer et al. 2017), Glorot otherwise (Glorot and Bengio
    2010); `initial_value` is the value of the constant one. Biases start at 0. The penalty
    l1 sum |W| + l2/2 sum W^2 counts on the weights alone; `max_norm` bounds the length of each
    unit's incoming weights after every step (Srivastava et al. 2014).
    """

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "A = f(X W + b)", "dW = X^T dZ, db = sum of the rows of dZ, dX = dZ W^T", "Rumelhart 1986"
    )
    units: Units
    type: Literal["dense"] = "dense"
    activation: Activation = "relu"
    initializer: Initializer | None = None
    initial_value: Annotated[float, Interval(ge=-1e3, le=1e3)] = 0.0
    bias: bool = True
    l1: Penalty = 0.0
    l2: Penalty = 0.0
    max_norm: Positive | None = None


@dataclass(frozen=True, kw_only=True)
class ActivationSpec:
    """An activation as a layer of its own, for instance behind a norm."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula("A = f(X)", "dX = dA f'(X)", "Rumelhart 1986")
    activation: Activation
    type: Literal["activation"] = "activation"


@dataclass(frozen=True, kw_only=True)
class DropoutSpec:
    """Inverted dropout: in training each value is zeroed with probability `rate`."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "A = M X / (1 - rate), M = 1 with probability 1 - rate, else 0; in prediction A = X",
        "dX = M dA / (1 - rate)",
        "Srivastava et al. 2014",
    )
    rate: DecayRate = 0.5
    type: Literal["dropout"] = "dropout"


@dataclass(frozen=True, kw_only=True)
class BatchNormSpec:
    """Batch normalisation; `momentum` weighs the old running statistics against the new."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "x_hat = (X - mean) / sqrt(variance + epsilon) per column, A = scale x_hat + shift; "
        "the batch's biased variance in training, running statistics in prediction",
        "dX = scale / sqrt(variance + epsilon) (dA - mean(dA) - x_hat mean(dA x_hat))",
        "Ioffe and Szegedy 2015",
    )
    type: Literal["batch_norm"] = "batch_norm"
    momentum: DecayRate = 0.9
    epsilon: Epsilon = 1e-5


@dataclass(frozen=True, kw_only=True)
class LayerNormSpec:
    """Layer normalisation: each row by its own mean and (biased) variance."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "x_hat = (X - mean) / sqrt(variance + epsilon) per row, A = scale x_hat + shift",
        "with G = scale dA: dX = (G - mean(G) - x_hat mean(G x_hat)) / sqrt(variance + epsilon)",
        "Ba et al. 2016",
    )
    type: Literal["layer_norm"] = "layer_norm"
    epsilon: Epsilon = 1e-5


@dataclass(frozen=True, kw_only=True)
class ResidualSpec:
    """Adds what went into the layer `span` places before to what came out of the last one."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "A = X + X', X' the input of the layer `span` places before",
        "dX = dA, and dA is added to dX'",
        "He et al. 2016",
    )
    span: Annotated[int, Interval(ge=1, le=MAX_LAYERS - 1)] = 1
    type: Literal["residual"] = "residual"


@dataclass(frozen=True, kw_only=True)
class ScaleSpec:
    """Every column times a learned number s of its own, which starts as 1 / factor.

    An optimiser whose steps do not grow with the gradient, such as Adam, moves what a column is
    multiplied by `factor` times as fast as other parameters.
    """

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "A = factor s X",
        "ds = factor times the sum of the rows of dA X, dX = factor s dA",
        "Holzmueller et al. 2024",
    )
    type: Literal["scale"] = "scale"
    factor: Annotated[float, Interval(ge=1e-3, le=1e3)] = 1.0


Layer = Annotated[
    DenseSpec
    | ActivationSpec
    | DropoutSpec
    | BatchNormSpec
    | LayerNormSpec
    | ResidualSpec
    | ScaleSpec,
    Tagged("type"),
]


@dataclass(frozen=True, kw_only=True)
class OutputSpec:
    """The output layer: its units follow from the target, its activation (None) from the task.

    The other fields are those of a dense layer.
    """

    __pydantic_config__ = STRICT
    activation: OutputActivation | None = None
    initializer: Initializer | None = None
    initial_value: Annotated[float, Interval(ge=-1e3, le=1e3)] = 0.0
    bias: bool = True
    l1: Penalty = 0.0
    l2: Penalty = 0.0
    max_norm: Positive | None = None


@dataclass(frozen=True, kw_only=True)
class EmbeddingSpec:
    """A learned vector of `dimension` numbers for each level of a categorical column."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "the row of E for the level, E (levels, dimension), in place of the level",
        "dE[level] = sum of dX over the rows with that level",
        "Guo and Berkhahn 2016",
    )
    column: Annotated[str, Len(1, 255)]
    dimension: Annotated[int, Interval(ge=1, le=256)]


@dataclass(frozen=True, kw_only=True)
class NumericEmbeddingSpec:
    """Learned waves of every number among the inputs, beside the number itself (PBLD).

    `dimension` counts the number itself and `dimension` - 1 mixtures of the waves; frequencies
    start as normal numbers of deviation `sigma`. For standardised inputs.
    """

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "(x, cos(2 pi f x + p) W + b), f, p, W and b of each numeric column",
        "with C = cos, S = sin, dC = dA W^T: dW = C^T dA, db = sum of the rows of dA, "
        "dp = -sum of dC S, df = -2 pi sum of x dC S",
        "Holzmueller et al. 2024",
    )
    frequencies: Annotated[int, Interval(ge=1, le=256)] = 16
    dimension: Annotated[int, Interval(ge=2, le=64)] = 4
    sigma: Annotated[float, Gt(0.0), Le(100.0)] = 0.1


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """The hidden layers, first to last; none at all is `y = W x + b`.

    `skip` adds a linear path from the inputs to the outputs, with weights that start at 0.
    `numeric_embeddings` gives every number learned waves of it, behind the other columns.
    `members` above 1 makes it that many networks in one, which share most of their weights (TabM,
    Gorishniy et al. 2024): every member sees every row; a hidden dense layer has scales r of its
    inputs, s of its sums and biases b for each, f(((X r) W) s + b), the output layer weights of its
    own. Members are trained by the mean of their losses, and answer by the mean of their answers.
    """

    __pydantic_config__ = STRICT
    layers: Annotated[tuple[Layer, ...], Len(0, MAX_LAYERS)] = ()
    output: OutputSpec | None = None
    skip: bool = False
    embeddings: Annotated[tuple[EmbeddingSpec, ...], Len(0, MAX_EMBEDDINGS)] = ()
    numeric_embeddings: NumericEmbeddingSpec | None = None
    members: Members = 1
