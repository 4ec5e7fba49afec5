"""Runs on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo
from pydantic_core import PydanticKnownError

from service.schemas.networks import NetworkIn
from service.schemas.targets import ColumnName, TargetColumns
from service.schemas.training import Auto, OrAuto, RunTraining, TrainingWish
from service.schemas.wire import Label, Name, UtcTime, Wire
from workers.engine.spec import Folds, NetworkSpec, Seed, SplitSpec
from workers.tabular.spec import PreprocessingSpec

T = TypeVar("T")

Status = Literal["queued", "running", "paused", "succeeded", "stopped", "cancelled", "failed"]
Requested = Literal["pause", "stop", "cancel"]
StopReason = Literal[
    "max_epochs", "early_stopping", "budget", "user_stop", "user_cancel", "diverged",
    "out_of_memory", "worker_crashed", "deadline_exceeded", "invalid_data", "error",
]  # fmt: skip
ParentMode = Literal["continue", "warm_start"]
Task = Literal["regression", "binary", "multiclass"]
Recipe = Literal["auto", "linear", "mlp", "realmlp", "tabm"]
TERMINAL: frozenset[Status] = frozenset(("succeeded", "stopped", "cancelled", "failed"))

NetworkId = Annotated[str, Field(pattern=r"^net_[0-9a-z]{26}$")]
ColumnNames = Annotated[list[ColumnName], Field(min_length=1, max_length=10_000)]
Fraction = Annotated[float, Ge(0.0), Lt(1.0)]


def _choose_network(value: object) -> str:
    if not isinstance(value, str):
        return "<network>"
    return "<id>" if value.startswith("net_") else "<recipe>"


NetworkChoice = Annotated[
    Annotated[NetworkIn, Tag("<network>")]
    | Annotated[Recipe, Tag("<recipe>")]
    | Annotated[NetworkId, Tag("<id>")],
    Discriminator(_choose_network),
]


def _choose_preprocessing(value: object) -> str:
    return "<name>" if isinstance(value, str) else "<spec>"


Preprocessing = Annotated[
    Annotated[Literal["standard", "none"], Tag("<name>")]
    | Annotated[PreprocessingSpec, Tag("<spec>")],
    Discriminator(_choose_preprocessing),
]
PreprocessingWish = Annotated[
    Annotated[Literal["auto", "standard", "none"], Tag("<name>")]
    | Annotated[PreprocessingSpec, Tag("<spec>")],
    Discriminator(_choose_preprocessing),
]


Priority = Annotated[int, Ge(-100), Le(100)]


def _or_a_parent(value: T, info: ValidationInfo) -> T:
    """Let a field be left out where the parent, which is read first, has one."""
    if value is None and info.data.get("parent", "wrong") is None:
        raise PydanticKnownError("missing")
    return value


class SplitWish(Wire):
    """Fractions of all rows; the method follows from the task unless set."""

    validation: Fraction = 0.2
    test: Fraction = 0.0
    method: Literal["random", "stratified", "ordered", "group", "column", "auto"] = "auto"
    column: ColumnName | None = Field(
        default=None,
        description="With the method group: rows with the same cell stay together. With column: "
        'each cell says "train", "validation" (or "val", "valid") or "test".',
    )
    folds: Folds | None = Field(
        default=None,
        description="Repeat the training without each of so many folds of the rows that do not "
        "test, and judge it on that fold: `cross_validation` of the report. Each takes about as "
        "long as the training itself.",
    )

    def wishes(self) -> dict[str, Any]:
        """Return only what the user decided, by field name of the engine's SplitSpec."""
        chosen = {name: getattr(self, name) for name in self.model_fields_set}
        # A column may be called "auto".
        return {n: value for n, value in chosen.items() if n == "column" or value != "auto"}


class Budget(Wire):
    """Training ends with a model when one of these is used up; folds take their time beside it."""

    seconds: Annotated[float, Gt(0.0), Le(21_600.0)] | None = None
    epochs: Annotated[int, Ge(1), Le(10_000)] | None = None


class ParentWish(Wire):
    """A checkpoint to begin with: as a training that goes on, or as the weights of a new one."""

    checkpoint_id: str
    mode: ParentMode


class Parent(Wire):
    """What a run began with instead of a seed's weights."""

    run_id: str
    checkpoint_id: str
    mode: ParentMode


class RunCreate(Wire):
    """A training to do; `dataset_id` and `target` suffice, or a `parent`.

    With a parent, every field that is left out is what the parent's was resolved to.
    """

    parent: ParentWish | None = None
    dataset_id: Annotated[str | None, AfterValidator(_or_a_parent)] = Field(
        None, validate_default=True, description="Required without a parent."
    )
    target: Annotated[TargetColumns | None, AfterValidator(_or_a_parent)] = Field(
        None, validate_default=True, description="Required without a parent."
    )
    features: OrAuto[ColumnNames] = "auto"
    task: Literal[Task, Auto] = "auto"
    network: NetworkChoice = "auto"
    preprocessing: PreprocessingWish = "auto"
    training: TrainingWish = TrainingWish()
    split: SplitWish = SplitWish()
    seed: Seed = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    budget: Budget = Budget()
    model: Annotated[Name, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None
    labels: dict[Label, Label] = Field({}, max_length=64)
    priority: Priority = Field(
        0, description="Which of a project's waiting runs is first: the highest."
    )


class RunWish(RunCreate):
    """A training to do with a table and a target, its own or its parent's."""

    dataset_id: str
    target: TargetColumns


class ReplayWish(Wire):
    """Where to begin: "start", or a checkpoint of the run."""

    start: str = Field("start", alias="from", pattern=r"^(start|ckpt_[0-9a-z]{26})$")


class RunSpec(Wire):
    """A run's specification with everything resolved: nothing is left to the recipe it names."""

    dataset_id: str
    target: TargetColumns
    features: list[str]
    task: Task
    classes: int | None
    recipe: str
    reasons: list[str] = Field([], description="Why the recipe decided as it did, in sentences.")
    network: NetworkSpec
    preprocessing: Preprocessing
    training: RunTraining
    split: SplitSpec
    seed: int
    device: Literal["cpu", "cuda"]
    budget: Budget
    model: str | None
    parent: Parent | None = None
    labels: dict[str, str]


class Progress(Wire):
    """How far the run is."""

    epoch: int
    epochs: int
    step: int
    folds: int | None
    folds_done: int | None
    fraction: float
    eta_seconds: float | None
    samples_per_second: float | None


class Best(Wire):
    """The best epoch so far, by the monitored metric."""

    epoch: int
    checkpoint_id: str | None
    monitor: str
    value: float


class StatusChange(Wire):
    """One move of the state machine."""

    status: Status
    reason: str | None
    at: UtcTime


class RunError(Wire):
    """Why a run failed."""

    code: str
    detail: str
    param: str | None = None


class Difference(Wire):
    """The first thing that came out otherwise; `step` is where its epoch ended."""

    epoch: int
    step: int | None
    last_equal_step: int | None = Field(description="The last step known to be equal.")
    name: str = Field(description='A metric, or "weights_sha256".')
    recorded: float | str | None = Field(description='The original\'s; "nan", "inf" as they are.')
    replayed: float | str | None


class Replay(Wire):
    """How a repetition compares with the run that it repeats; all null until it has ended."""

    of: str
    checkpoint_id: str | None = Field(description="Where it began; null for the start.")
    identical: bool | None
    first_difference: Difference | None
    reason: str | None = Field(description="What kept them from being compared, or may differ.")


class Run(Wire):
    """A run."""

    id: str
    status: Status
    stop_reason: StopReason | None
    requested: Requested | None
    dataset_id: str
    target: TargetColumns
    task: Task
    spec: RunSpec
    seed: int
    device: str
    priority: int
    parent: Parent | None
    replay_of: str | None
    replay: Replay | None
    progress: Progress
    metrics: dict[str, float | int | None]
    best: Best | None
    model_id: str | None
    attempt: int
    status_history: list[StatusChange]
    error: RunError | None
    reproducible: bool
    weights_sha256: str | None
    created_at: UtcTime
    started_at: UtcTime | None
    finished_at: UtcTime | None


class MetricSeries(Wire):
    """One continuous curve per metric; a value that is not finite is null and named beside it."""

    epochs: list[int]
    series: dict[str, list[float | None]]
    nonfinite: dict[str, dict[str, Literal["nan", "inf", "-inf"]]] = Field(
        {}, description="By metric, then epoch: which non-finite value stands behind a null."
    )


class Checkpoint(Wire):
    """A saved state of a run's weights."""

    id: str
    run_id: str
    epoch: int = Field(description="Whose weights these are: early stopping goes back to the best.")
    step: int = Field(description="Steps done when it was saved.")
    kind: Literal["initial", "periodic", "best", "final"]
    bytes: int
    sha256: str
    created_at: UtcTime
