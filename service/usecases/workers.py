"""Workers: who is there to train, and who should stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import delete, func, select, update

from service.store.broker import QUEUES
from service.store.db import upsert
from service.store.instants import db_now
from service.store.tables import WorkerRow

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from service.store.db import Sessions

# Three times the five seconds between two signs of life, and a margin for a busy machine.
ALIVE_S = 20.0
KEPT_S = 86_400.0


@dataclass(frozen=True)
class WorkerIdentity:
    """A worker process as it introduces itself."""

    id: str
    pid: int
    host: str
    queues: Sequence[str]
    slots: int
    """Trainings at once."""
    memory_bytes: int | None = None
    """What one of its runs may take, by estimate; None where it does not say."""
    speed: Mapping[str, float] | None = None
    """How fast it trains (the engine's Speed as plain data), where that was measured."""
    numerics: Mapping[str, Any] | None = None
    """The fingerprint of what it computes with; each run adds its own precision."""


@dataclass(frozen=True)
class Capacity:
    """What the live workers of a queue give together."""

    slots: int
    """Trainings at once."""
    memory_bytes: int | None
    """Of the largest, for one run; None where one of them does not say."""

    def holds(self, n_bytes: int) -> bool:
        """Tell whether one of them can train a run of so many bytes."""
        return self.memory_bytes is None or n_bytes <= self.memory_bytes


class Workers:
    """Keeps the workers' signs of life."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def announce(self, worker: WorkerIdentity) -> None:
        """Introduce a worker, or introduce it again after a restart."""
        row = {
            "pid": worker.pid,
            "host": worker.host,
            "queues": list(worker.queues),
            "slots": worker.slots,
            "memory_bytes": worker.memory_bytes,
            "speed": None if worker.speed is None else dict(worker.speed),
            "numerics": None if worker.numerics is None else dict(worker.numerics),
            "created_at": db_now(),
            "last_seen": db_now(),
            "heard_at": db_now(),
            "draining": False,
        }
        with self._sessions.begin() as session:
            session.execute(
                upsert(session, WorkerRow)
                .values(row | {"id": worker.id})
                .on_conflict_do_update(index_elements=["id"], set_=row)
            )

    def seen(self, worker_id: str, *, heard_ago_s: float = 0.0) -> bool:
        """Note a sign of life; False when the worker is unknown and must announce itself.

        `heard_ago_s` is how long ago it last answered a bell, or was done with one.
        """
        signs = {"last_seen": db_now(), "heard_at": db_now(-heard_ago_s)}
        with self._sessions.begin() as session:
            alive = update(WorkerRow).where(WorkerRow.id == worker_id).values(signs)
            return session.execute(alive.returning(WorkerRow.id)).first() is not None

    def drain(self, worker_id: str) -> None:
        """Ask every training of a worker, by its next heartbeat, to give its run back."""
        with self._sessions.begin() as session:
            session.execute(
                update(WorkerRow).where(WorkerRow.id == worker_id).values(draining=True)
            )

    def leave(self, worker_id: str) -> None:
        """Remove a worker that ends in order."""
        with self._sessions.begin() as session:
            session.execute(delete(WorkerRow).where(WorkerRow.id == worker_id))

    def alive(self) -> int:
        """Return how many workers gave a sign of life lately and take runs."""
        with self._sessions.read() as session:
            return session.scalar(select(func.count()).where(*is_alive())) or 0

    def speed(self, device: Literal["cpu", "cuda"] = "cpu") -> dict[str, float] | None:
        """Return how fast the worker of this device that came last trains; None: none has said."""
        with self._sessions.read() as session:
            return latest_speed(session, device)

    def forget(self) -> int:
        """Delete workers silent for a day; return how many."""
        with self._sessions.begin() as session:
            silent = WorkerRow.last_seen < db_now(-KEPT_S)
            gone = session.execute(delete(WorkerRow).where(silent).returning(WorkerRow.id))
            return len(gone.all())


def capacities(session: Session) -> dict[str, Capacity]:
    """Return what the workers who are there give to each queue; none for a queue without any."""
    able: dict[str, Capacity] = {}
    columns = (WorkerRow.queues, WorkerRow.slots, WorkerRow.memory_bytes)
    for queues, slots, memory_bytes in session.execute(select(*columns).where(*is_alive())):
        for queue in queues:
            known = able.get(queue, Capacity(0, 0))
            largest = _larger(known.memory_bytes, memory_bytes)
            able[queue] = Capacity(known.slots + slots, largest)
    return able


def latest_speed(
    session: Session, device: Literal["cpu", "cuda"] = "cpu"
) -> dict[str, float] | None:
    """Return how fast the worker of this device that came last trains; None: none has said."""
    latest = (
        select(WorkerRow.queues, WorkerRow.speed)
        .where(*is_alive(), WorkerRow.speed.is_not(None))
        .order_by(WorkerRow.created_at.desc())
    )
    said = session.execute(latest)
    return next((speed for queues, speed in said if QUEUES[device] in queues), None)


def is_alive() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions on a worker that takes runs."""
    return WorkerRow.last_seen > db_now(-ALIVE_S), WorkerRow.draining.is_(False)


def _larger(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)
