"""The service about itself."""

from __future__ import annotations

from typing import Literal

from service.schemas.runs import Status
from service.schemas.wire import UtcTime, Wire


class Live(Wire):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(Wire):
    """Whether everything is there, and what is not."""

    status: Literal["ok", "unavailable"]
    missing: list[str]


class LimitInfo(Wire):
    """A limit: its value now, and what it limits."""

    value: int | float
    description: str


class WorkerStatus(Wire):
    """A worker that takes runs, without what would tell where it is."""

    queues: list[str]
    slots: int
    """Trainings at once."""
    memory_bytes: int | None
    """What one of its runs may take, by estimate."""
    last_seen: UtcTime
    heard_at: UtcTime | None
    """When it last answered the broker, or was too busy to."""
    deaf: bool
    """Whether messages hang that it should have taken: it is about to start again."""


class ServiceStatus(Wire):
    """How the service stands; `runs` and the oldest wait are those of the key's project."""

    database: bool
    broker: bool
    reconciled_seconds_ago: float | None
    """Since somebody last looked for what was lost; more than a few seconds are too many."""
    oldest_wait_seconds: float | None
    """Of the run that has waited longest for its turn; null where none waits."""
    runs: dict[Status, int]
    workers: list[WorkerStatus]
