"""What is wished for and what it becomes: a model to train, with nothing left to decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from workers.engine.network import Category, Network
from workers.engine.spec import NetworkSpec, SplitSpec, TrainingSpec
from workers.tabular.encoders import NumericEncoder
from workers.tabular.spec import PreprocessingSpec

if TYPE_CHECKING:
    from workers.engine.spec import EmbeddingSpec
    from workers.tabular.preprocessing import Preprocessing

Task = Literal["regression", "binary", "multiclass"]
Method = Literal["standard", "none"] | PreprocessingSpec
"""How columns become inputs: by one of two names, or as a specification says."""
Recipe = Literal["auto", "linear", "mlp", "realmlp", "tabm"]
TargetNames = str | tuple[str, ...]
"""The column to predict, or several numeric ones to predict together."""


@dataclass(frozen=True, kw_only=True)
class ModelWish:
    """What the user decided; None, and fields left out of a mapping, are the recipe's to decide.

    `training` and `split` hold the values set by name of a field of TrainingSpec and SplitSpec.
    """

    target: TargetNames
    features: tuple[str, ...] | None = None
    task: Task | None = None
    network: NetworkSpec | Recipe = "auto"
    preprocessing: Method | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    split: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    @property
    def targets(self) -> tuple[str, ...]:
        """The target columns, one or several."""
        return names_of(self.target)

    @property
    def embeddings(self) -> tuple[EmbeddingSpec, ...]:
        """The columns that are to have a learned vector for each level."""
        return self.network.embeddings if isinstance(self.network, NetworkSpec) else ()


@dataclass(frozen=True)
class PlanWarning:
    """Something decided for the user, or legal and odd, that they will want to know.

    Codes of a plan: feature_dropped, missing_values, validation_dropped, small_classes,
    output_range, label_smoothing, schedule_unreached, ema_too_slow, monitor_direction, no_effect,
    class_imbalance; of prepared data: missing_target, untrained_classes, likely_leak.
    """

    code: str
    column: str | None
    detail: str


@dataclass(frozen=True, kw_only=True)
class ModelPlan:
    """A model as it will be trained: every field of the network's and the training's spec is set.

    `classes` counts the labels of a classification; `recipe` names where the network came from:
    "auto", "tabm", "realmlp", "mlp", "linear", or "custom" where it was written out; `reasons` are
    why the first three decided as they did, in sentences.
    """

    target: TargetNames
    features: tuple[str, ...]
    task: Task
    classes: int | None
    network: NetworkSpec
    preprocessing: Method
    training: TrainingSpec
    split: SplitSpec
    seed: int
    recipe: str
    reasons: tuple[str, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The target columns, one or several."""
        return names_of(self.target)

    @property
    def embedded(self) -> tuple[str, ...]:
        """The columns that the network reads as levels, each with a learned vector."""
        return tuple(embedding.column for embedding in self.network.embeddings)

    @property
    def standardises_target(self) -> bool:
        """Whether the network learns the target standardised: counts are learned as they are."""
        is_scaled = self.task == "regression" and self.preprocessing != "none"
        return is_scaled and self.training.loss.type != "poisson"

    @property
    def clamps_values(self) -> bool:
        """Whether predicted numbers stay within the range of the training rows."""
        return self.recipe in ("auto", "realmlp", "tabm") and self.task == "regression"

    def build_network(
        self,
        n_inputs: int,
        categories: Mapping[str, Category] | None = None,
        numbers: Sequence[int] | None = None,
    ) -> Network:
        """The network on n_inputs columns: numbers, one probability, or one score per class."""
        return build_network(
            self.network,
            n_inputs=n_inputs,
            n_outputs=n_outputs(self.network, len(self.targets), self.classes),
            categories=categories,
            numbers=numbers,
        )


@dataclass(frozen=True)
class PlanProblem:
    """One thing wrong with a wish: where (RFC 6901, as in the run's request), what, which limit."""

    pointer: str
    code: str
    detail: str
    limit: int | float | str | None = None


class PlanError(Exception):
    """A wish that cannot be granted on this table, with everything that is wrong with it."""

    def __init__(self, problems: list[PlanProblem]) -> None:
        super().__init__("; ".join(f"{p.pointer} {p.code}: {p.detail}" for p in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, kw_only=True)
class PlanLimits:
    """How large a model and its training may be."""

    parameters: int = 20_000_000
    memory_bytes: int = 2 * 2**30
    steps: int = 10_000_000
    classes: int = 1_000


def build_network(
    spec: NetworkSpec,
    *,
    n_inputs: int,
    n_outputs: int,
    categories: Mapping[str, Category] | None = None,
    numbers: Sequence[int] | None = None,
) -> Network:
    """The network of a resolved spec; `categories` has every column that it embeds.

    `numbers` are the places of the inputs that are no indicators and no levels.
    """
    if spec.output is None or spec.output.activation is None:
        raise ValueError("the output layer is not resolved")
    return Network(
        spec,
        n_inputs=n_inputs,
        n_outputs=n_outputs,
        output_activation=spec.output.activation,
        categories=categories or {},
        numbers=numbers,
    )


def categories_of(preprocessing: Preprocessing) -> dict[str, Category]:
    """The embedded columns among the inputs, as the network is told of them."""
    return {
        name: Category(levels.index, levels.count) for name, levels in preprocessing.levels.items()
    }


def number_places(preprocessing: Preprocessing) -> tuple[int, ...]:
    """The places among the inputs of numbers and moments, without what only says yes or no."""
    found, place = [], 0
    for encoder in preprocessing.encoders:
        if isinstance(encoder, NumericEncoder) and encoder.type != "boolean":
            found.append(place)
        place += len(encoder.outputs)
    return tuple(found)


def n_outputs(spec: NetworkSpec, targets: int, classes: int | None) -> int:
    """How many scores a resolved network gives; `classes` None is a regression."""
    if classes is None:
        return targets
    softmax = spec.output is not None and spec.output.activation == "softmax"
    return classes if softmax else 1


def names_of(target: TargetNames) -> tuple[str, ...]:
    """The target columns, one or several."""
    return (target,) if isinstance(target, str) else target
