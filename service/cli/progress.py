"""A training as it happens, from its events."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from service.schemas.events import Event

# The first of these that a run has says most to a person.
QUALITIES = ("val_accuracy", "val_r2", "val_loss")


@dataclass(frozen=True)
class EpochProgress:
    """What one finished epoch showed; `eta_s` assumes that every epoch will be trained."""

    epoch: int
    epochs: int
    metrics: Mapping[str, float]
    eta_s: float | None

    def describe(self) -> str:
        """Return loss, quality and time left, each as wide in every epoch."""
        parts = []
        if "train_loss" in self.metrics:
            parts.append(f"loss {self.metrics['train_loss']:<8.4g}")
        quality = next((name for name in QUALITIES if name in self.metrics), None)
        if quality is not None:
            parts.append(f"{quality} {self.metrics[quality]:<7.4g}")
        if self.eta_s is not None:
            parts.append(f"ETA {timedelta(seconds=math.ceil(self.eta_s))}")
        return "  ".join(parts).rstrip()


class ProgressView(Protocol):
    """Shows a training to a person."""

    def show_epoch(self, progress: EpochProgress) -> None:
        """Show that an epoch has been trained."""

    def show_event(self, event: Event) -> None:
        """Show something else that happened."""


def is_fold(event: Event) -> bool:
    """Whether a fold of a run was trained and judged."""
    return event.data.get("code") == "fold"


def follow(events: Iterable[Event], epochs: int, view: ProgressView) -> None:
    """Show a run's events until they end; `epochs` is the most that it may train."""
    started_at: datetime | None = None
    for event in events:
        if event.type == "epoch.completed":
            view.show_epoch(_progress(event, epochs, started_at))
        else:
            if started_at is None and event.data.get("to") == "running":
                started_at = event.created_at
            view.show_event(event)


def _progress(event: Event, epochs: int, started_at: datetime | None) -> EpochProgress:
    epoch = int(event.data["epoch"])
    eta_s = None
    # The service's own times, so that a curve watched again later shows the same; not after the
    # first epoch, which has the reading of the table in it.
    if started_at is not None and epoch > 1:
        eta_s = (event.created_at - started_at).total_seconds() * (epochs - epoch) / epoch
    finite = {name: value for name, value in event.data["metrics"].items() if value is not None}
    return EpochProgress(epoch, epochs, finite, eta_s)
