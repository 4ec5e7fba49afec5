"""Events of a run on the wire."""

from __future__ import annotations

from typing import Any, Literal

from service.schemas.wire import UtcTime, Wire

EventType = Literal[
    "run.status_changed", "epoch.completed", "checkpoint.saved", "learning_rate.changed",
    "data.warning", "worker.lost", "divergence.detected", "log",
]  # fmt: skip


class Event(Wire):
    """Something that happened to a run; `seq` counts from 1 without gaps."""

    id: str
    seq: int
    type: EventType
    level: Literal["info", "warning", "error"]
    message: str
    data: dict[str, Any]
    created_at: UtcTime
