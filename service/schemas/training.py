"""Training options on the wire: the engine's fields, each of which may be left to "auto"."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, Self, TypeVar

from annotated_types import Gt, Interval, Len, Lt
from pydantic import Discriminator, Tag

from service.schemas.wire import Wire
from workers.engine.spec import (
    BatchSize,
    ClassWeights,
    EarlyStoppingSpec,
    EnsembleSize,
    Epochs,
    Loss,
    Optimizer,
    Precision,
    Schedule,
    TrainingSpec,
)
from workers.engine.spec.base import Positive

T = TypeVar("T")

Auto = Literal["auto"]


def _choose(value: object) -> str:
    return "<auto>" if value == "auto" else "<set>"


# Told apart by the value itself, so that a wrong one gets the errors of what it was meant to be.
OrAuto = Annotated[
    Annotated[T, Tag("<set>")] | Annotated[Auto, Tag("<auto>")], Discriminator(_choose)
]


def _choose_weights(value: object) -> str:
    return "<balanced>" if isinstance(value, str) else "<by label>"


ClassWeightWish = Annotated[
    Annotated[ClassWeights, Tag("<by label>")] | Annotated[Literal["balanced"], Tag("<balanced>")],
    Discriminator(_choose_weights),
]
ColumnName = Annotated[str, Len(1, 255)]


class TrainingWish(Wire):
    """What the user sets wins over the recipe; what is left out or "auto" the recipe decides."""

    epochs: OrAuto[Epochs] = "auto"
    batch_size: OrAuto[BatchSize] = "auto"
    loss: OrAuto[Loss] = "auto"
    optimizer: OrAuto[Optimizer] = "auto"
    schedule: OrAuto[Schedule | None] = "auto"
    early_stopping: OrAuto[EarlyStoppingSpec | None] = "auto"
    clip_norm: OrAuto[Positive | None] = "auto"
    clip_value: OrAuto[Positive | None] = "auto"
    accumulate: OrAuto[Annotated[int, Interval(ge=1, le=1_024)]] = "auto"
    ema_decay: OrAuto[Annotated[float, Gt(0.0), Lt(1.0)] | None] = "auto"
    class_weight: ClassWeightWish | None = None
    sample_weight: ColumnName | None = None
    shuffle: bool = True
    precision: OrAuto[Precision] = "auto"
    members: OrAuto[EnsembleSize] = "auto"
    checkpoint_every: OrAuto[Epochs | None] = "auto"
    """A checkpoint after every so many epochs, besides the usual ones; null: the usual ones alone.
    "auto" is null, and for a continued run what its parent had."""

    def wishes(self) -> dict[str, Any]:
        """Return only what the user decided, by field name of the engine's TrainingSpec."""
        decided = self.model_fields_set - {"checkpoint_every"}
        chosen = {name: getattr(self, name) for name in decided}
        # A column of weights may be called anything.
        return {n: value for n, value in chosen.items() if value != "auto" or n == "sample_weight"}

    def every(self) -> int | None:
        """Return after how many epochs, each time, a checkpoint is asked for."""
        return None if self.checkpoint_every == "auto" else self.checkpoint_every


@dataclass(frozen=True, kw_only=True)
class RunTraining(TrainingSpec):
    """The training of a run: what the engine needs, and when the service saves it.

    Checkpoints are saved now and then in any case; `checkpoint_every` adds every so many epochs.
    """

    checkpoint_every: Epochs | None = None

    @classmethod
    def of(cls, training: TrainingSpec, checkpoint_every: int | None) -> Self:
        """Return a training of the engine's with its checkpoints."""
        return cls(**engine_fields(training), checkpoint_every=checkpoint_every)


def engine_fields(training: TrainingSpec) -> dict[str, Any]:
    """Return what the engine knows of a training, by field."""
    return {field.name: getattr(training, field.name) for field in fields(TrainingSpec)}
