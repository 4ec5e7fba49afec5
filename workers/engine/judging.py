"""By which figure an epoch is judged, and what an improvement of it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workers.engine.spec import METRICS, Direction, Monitor

if TYPE_CHECKING:
    from workers.engine.spec import TrainingSpec


def monitor(spec: TrainingSpec, *, validates: bool) -> tuple[Monitor, Direction]:
    """The figure that early stopping names, else the loss on rows that did not train, if any."""
    if spec.early_stopping is not None:
        return spec.early_stopping.monitor, spec.early_stopping.direction()
    name: Monitor = "val_loss" if validates else "train_loss"
    return name, METRICS[name].better


def is_better(value: float, best: float | None, direction: Direction, margin: float) -> bool:
    """Whether a value improves on the best so far by more than the margin.

    A value that is not finite never does: a figure may be undefined in an epoch.
    """
    if not math.isfinite(value):
        return False
    if best is None:
        return True
    return value < best - margin if direction == "min" else value > best + margin
