"""What passes between the runs' ledger and whoever trains one: claims, progress, outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from service.schemas.events import EventType
from service.schemas.runs import ParentMode, Requested, RunSpec, StopReason

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class SavedState:
    """A checkpoint to go on from."""

    id: str
    epoch: int
    step: int
    state: bytes


@dataclass(frozen=True, kw_only=True)
class ParentState:
    """The checkpoint that a run begins with instead of a seed's weights.

    `state` is what its training stood at, safetensors of the codec; None where it was saved without
    one: that of epoch 0, whose state the seed makes. `weights` are the tensors by name, None where
    only the state has them.
    """

    mode: ParentMode
    run_id: str
    checkpoint_id: str
    epoch: int
    """Epochs completed in `state`."""
    step: int
    state: bytes | None
    weights: bytes | None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A run that is now the caller's, for as long as its fence is the current one."""

    run_id: str
    project_id: str
    fence: int
    attempt: int
    spec: RunSpec
    profile: Mapping[str, Any]
    """`TableProfile.to_json()` of the dataset."""
    dataset_sha256: str
    """Digest of the typed Parquet; `Leases.dataset` loads it."""
    checkpoint: SavedState | None
    numerics: Mapping[str, Any] | None
    """Fingerprint that an earlier attempt recorded."""
    requested: Requested | None
    trained_seconds: float
    """Training time that earlier attempts recorded."""
    has_initial_weights: bool
    """Whether the checkpoint of epoch 0 is there already."""
    initial_weights: bytes | None = None
    """Those of epoch 0, where there is nothing later to go on from: the seed must make them."""
    parent: ParentState | None = None
    """What the run begins with, while it has no state of its own."""
    checkpoint_lost: bool = False
    """Whether there were checkpoints and none is whole: the run cannot go on as it was."""


@dataclass(frozen=True)
class Orders:
    """What a heartbeat brings back: the user's wish, the worker's drain, the deadline."""

    requested: Requested | None
    drain: bool
    overdue: bool


@dataclass(frozen=True)
class NewEvent:
    """An event to append; `seq` and time are given by the ledger."""

    type: EventType
    message: str
    level: Level = "info"
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EpochMetrics:
    """The metrics of one finished epoch, by name; NaN and infinities are welcome."""

    epoch: int
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class NewCheckpoint:
    """A state to go on from, weights to download, or both; safetensors bytes."""

    kind: Literal["initial", "periodic", "best", "final"]
    epoch: int
    step: int
    state: bytes | None = None
    weights: bytes | None = None
    is_best: bool = False
    """Whether these are the weights of the best epoch so far."""


@dataclass(frozen=True)
class BestEpoch:
    """The best epoch so far, by the monitored metric."""

    epoch: int
    monitor: str
    value: float


@dataclass(frozen=True, kw_only=True)
class ProgressPart:
    """A piece of progress, written whole or not at all.

    `epoch.completed` and `checkpoint.saved` events follow from `epochs` and `checkpoint`; `events`
    holds the others.
    """

    epoch: int
    step: int
    trained_seconds: float
    """Training time of all attempts that led here."""
    folds_done: int | None = None
    """None as long as the run's own training goes on."""
    samples_per_second: float | None = None
    eta_seconds: float | None = None
    epochs: tuple[EpochMetrics, ...] = ()
    best: BestEpoch | None = None
    checkpoint: NewCheckpoint | None = None
    best_weights: NewCheckpoint | None = None
    """Those of the best epoch, where `checkpoint` is another's."""
    events: tuple[NewEvent, ...] = ()
    numerics: Mapping[str, Any] | None = None
    """Fingerprint of this attempt; one that differs from the recorded one marks the run."""


@dataclass(frozen=True, kw_only=True)
class ModelParts:
    """A model as the codec wrote it, and what the service shows of it."""

    data: bytes
    target: str | tuple[str, ...]
    task: str
    features: tuple[tuple[str, str], ...]
    """Name and column type of each, in the order of `inputs`."""
    classes: tuple[str, ...] | None
    parameters: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended."""

    status: Literal["succeeded", "stopped", "failed", "cancelled"]
    stop_reason: StopReason
    error: str | None = None
    """What failed, in words for the user: nothing internal."""
    code: str | None = None
    """What failed, for programs, where that is more than the reason for stopping."""
    param: str | None = None
    """What of the request it concerns, such as a column."""
    model: ModelParts | None = None
    weights_sha256: str | None = None
    report: Mapping[str, Any] | None = None
    last: ProgressPart | None = None
    """What was not recorded yet: the last epochs and the final checkpoint."""
