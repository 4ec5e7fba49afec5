"""Training options on the wire: the engine's fields, each of which may be left to "auto"."""

from __future__ import annotations

from typing import Any, Literal

from service.schemas.wire import Wire
from workers.engine.spec import (
    BatchSize,
    EarlyStoppingSpec,
    Epochs,
    Loss,
    Optimizer,
    Precision,
)

Auto = Literal["auto"]


class TrainingWish(Wire):
    """What the user sets wins over the recipe; what is left out or "auto" the recipe decides."""

    epochs: Epochs | Auto = "auto"
    batch_size: BatchSize | Auto = "auto"
    loss: Loss | Auto = "auto"
    optimizer: Optimizer | Auto = "auto"
    early_stopping: EarlyStoppingSpec | Auto | None = "auto"
    shuffle: bool = True
    precision: Precision | Auto = "auto"

    def wishes(self) -> dict[str, Any]:
        """Return only what the user decided, by field name of the engine's TrainingSpec."""
        chosen = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: value for name, value in chosen.items() if value != "auto"}
