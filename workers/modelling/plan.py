"""What is wished for and what it becomes: a model to train, with nothing left to decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workers.engine.network import Network
from workers.engine.spec import NetworkSpec, SplitSpec, TrainingSpec

Task = Literal["regression", "binary", "multiclass"]
Method = Literal["standard", "none"]
Recipe = Literal["auto", "linear", "mlp"]


@dataclass(frozen=True, kw_only=True)
class ModelWish:
    """What the user decided; None, and fields left out of a mapping, are the recipe's to decide.

    `training` and `split` hold the values set by name of a field of TrainingSpec and SplitSpec.
    """

    target: str
    features: tuple[str, ...] | None = None
    task: Task | None = None
    network: NetworkSpec | Recipe = "auto"
    preprocessing: Method | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    split: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class PlanWarning:
    """Something decided for the user, or legal and odd, that they will want to know.

    Codes of a plan: feature_dropped, missing_values, validation_dropped, small_classes,
    output_range; of prepared data: missing_target, untrained_classes.
    """

    code: str
    column: str | None
    detail: str


@dataclass(frozen=True, kw_only=True)
class ModelPlan:
    """A model as it will be trained: every field of the network's and the training's spec is set.

    `classes` counts the labels of a classification; `recipe` names where the network came from:
    "mlp", "linear", or "custom" where it was written out.
    """

    target: str
    features: tuple[str, ...]
    task: Task
    classes: int | None
    network: NetworkSpec
    preprocessing: Method
    training: TrainingSpec
    split: SplitSpec
    seed: int
    recipe: str
    warnings: tuple[PlanWarning, ...] = ()

    def build_network(self, n_inputs: int) -> Network:
        """The network on n_inputs columns: one number, one probability, or one score per class."""
        return build_network(self.network, n_inputs=n_inputs, classes=self.classes)


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


def build_network(spec: NetworkSpec, *, n_inputs: int, classes: int | None) -> Network:
    """The network of a resolved spec; `classes` None is a regression."""
    if spec.output is None:
        raise ValueError("the output layer is not resolved")
    activation = spec.output.activation
    n_outputs = classes if classes is not None and activation == "softmax" else 1
    return Network(spec, n_inputs=n_inputs, n_outputs=n_outputs, output_activation=activation)
