"""Training options on the wire: the engine's fields, each of which may be left to "auto"."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Discriminator, Tag

from service.schemas.wire import Wire
from workers.engine.spec import (
    BatchSize,
    EarlyStoppingSpec,
    Epochs,
    Loss,
    Optimizer,
    Precision,
)

T = TypeVar("T")

Auto = Literal["auto"]


def _choose(value: object) -> str:
    return "<auto>" if value == "auto" else "<set>"


# Told apart by the value itself, so that a wrong one gets the errors of what it was meant to be.
OrAuto = Annotated[
    Annotated[T, Tag("<set>")] | Annotated[Auto, Tag("<auto>")], Discriminator(_choose)
]


class TrainingWish(Wire):
    """What the user sets wins over the recipe; what is left out or "auto" the recipe decides."""

    epochs: OrAuto[Epochs] = "auto"
    batch_size: OrAuto[BatchSize] = "auto"
    loss: OrAuto[Loss] = "auto"
    optimizer: OrAuto[Optimizer] = "auto"
    early_stopping: OrAuto[EarlyStoppingSpec | None] = "auto"
    shuffle: bool = True
    precision: OrAuto[Precision] = "auto"

    def wishes(self) -> dict[str, Any]:
        """Return only what the user decided, by field name of the engine's TrainingSpec."""
        chosen = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: value for name, value in chosen.items() if value != "auto"}
