"""What must be true of a run, worked out so plainly that it cannot err."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from service.schemas.runs import TERMINAL
from service.usecases.claims import EpochMetrics, NewCheckpoint, Outcome, ProgressPart
from service.usecases.moves import ARROWS
from service.usecases.reconcile import CRASH_BUDGET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.store.tables import EpochRow, EventRow

STRENGTH = {None: 0, "pause": 1, "stop": 2, "cancel": 3}

ENDINGS = (
    Outcome(status="succeeded", stop_reason="max_epochs"),
    Outcome(status="stopped", stop_reason="user_stop"),
    Outcome(status="failed", stop_reason="diverged", error="It diverged."),
    Outcome(status="cancelled", stop_reason="user_cancel"),
)


@dataclass(frozen=True)
class Holder:
    """Somebody who was given a run once, and does not know whether it is still theirs."""

    run_id: str
    fence: int


@dataclass
class Expected:
    """What must be true of a run."""

    status: str = "queued"
    fence: int = 0
    requested: str | None = None
    is_expired: bool = False
    is_overdue: bool = False
    crashes: int = 0
    attempts: int = 0
    step: int = 0
    values: dict[int, float] = field(default_factory=dict)
    """The first value written for each epoch."""
    ending: Outcome | None = None
    """With which outcome its holder ended it."""
    stopped_idle: bool = False
    """Whether its owner stopped it before it had learned anything."""

    @property
    def has_trained(self) -> bool:
        return self.attempts > 0 and self.step > 0

    def progress(self, epoch: int, value: float) -> None:
        """Its holder recorded an epoch."""
        self.values.setdefault(epoch, value)
        if epoch > self.step:
            self.step, self.crashes = epoch, 0
        self.is_expired = False

    def leave(self) -> None:
        """Its holder gave it back: it goes where its owner wishes it."""
        self.fence += 1
        if self.requested == "cancel":
            self.end("cancelled")
        elif self.requested == "pause":
            self.status, self.requested = "paused", None
        else:
            self.status = "queued"

    def reap(self) -> None:
        """Its holder was lost."""
        self.crashes += 1
        is_spent = self.is_overdue or self.crashes >= CRASH_BUDGET
        if self.requested != "cancel" and is_spent:
            self.fence += 1
            self.end("failed")
        else:
            self.leave()

    def end(self, status: str) -> None:
        """It ended, once and for all."""
        assert self.status not in TERMINAL or self.status == status
        self.status, self.requested = status, None


def part_of(epoch: int, value: float, *, saves: bool) -> ProgressPart:
    saved = NewCheckpoint(kind="periodic", epoch=epoch, step=epoch, state=b"state %d" % epoch)
    return ProgressPart(
        epoch=epoch,
        step=epoch,
        trained_seconds=1.0,
        epochs=(EpochMetrics(epoch, {"train_loss": value}),),
        checkpoint=saved if saves else None,
    )


def values_of(rows: Sequence[EpochRow]) -> dict[str, dict[int, float | None]]:
    values: dict[str, dict[int, float | None]] = {}
    for row in rows:
        values.setdefault(row.run_id, {})[row.epoch] = json.loads(row.metrics)["train_loss"]
    return values


def check_moves(story: Sequence[EventRow], status: str) -> None:
    moves = [event for event in story if event.type == "run.status_changed"]
    assert moves[0].data["from"] is None
    for before, after in pairwise(moves):
        assert after.data["from"] == before.data["to"]
        assert after.data["to"] in ARROWS[after.data["from"]]
    assert moves[-1].data["to"] == status
    if status in TERMINAL:
        assert story[-1] is moves[-1], "nothing happens to a run that ended"
