"""Whom the kill of a worker hit, and how long it took until their training went on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from service.errors import UnavailableError
from service.store.tables import EventRow, RunRow, WorkerRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.store.db import Sessions
    from tests.chaos.restarted import Restarted


@dataclass(frozen=True)
class Victim:
    """A run that was being trained by a worker when it was killed."""

    run_id: str
    attempt: int
    killed_at: datetime


class Comeback(NamedTuple):
    """How long after the kill a run was seen to be lost, and was trained again, in seconds."""

    noticed_s: float
    resumed_s: float


class UnderWay(NamedTuple):
    """Which worker trains which run."""

    pid: int
    run_id: str
    attempt: int


class Victims:
    """Notes who trained what at a kill; asks the ledger afterwards."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._noted: list[Victim] = []

    def note(self, worker: Restarted) -> None:
        """Note what this worker trains, just before it is killed."""
        now = datetime.now(UTC)
        held = [row for row in self._under_way() if row.pid == worker.pid]
        self._noted += [Victim(row.run_id, row.attempt, now) for row in held]

    def busy(self, workers: Sequence[Restarted]) -> list[Restarted]:
        """Return those of the workers that train something, all of them where none does."""
        pids = {row.pid for row in self._under_way()}
        return [worker for worker in workers if worker.pid in pids] or list(workers)

    def _under_way(self) -> list[UnderWay]:
        held = (
            select(WorkerRow.pid, RunRow.id, RunRow.attempt)
            .join(WorkerRow, WorkerRow.id == RunRow.lease_owner)
            .where(RunRow.status == "running")
        )
        try:
            with self._sessions.read() as session:
                return [UnderWay(*row) for row in session.execute(held)]
        except UnavailableError:
            # Another fault has the database; a kill is not timed then.
            return []

    def comebacks(self) -> list[Comeback]:
        """Return how long each victim took, of those that lost their worker by it."""
        found = [self._comeback(victim) for victim in self._noted]
        return [comeback for comeback in found if comeback is not None]

    def _comeback(self, victim: Victim) -> Comeback | None:
        moves = (
            select(EventRow)
            .where(
                EventRow.run_id == victim.run_id,
                EventRow.type == "run.status_changed",
                EventRow.created_at > victim.killed_at,
            )
            .order_by(EventRow.seq)
            .limit(2)
        )
        with self._sessions.read() as session:
            found = [(row.data["reason"], row.created_at) for row in session.scalars(moves)]
        # A run that ended, or was paused, at that moment had nothing to resume.
        if len(found) < 2 or found[0][0] != "worker_lost":
            return None
        noticed_s, resumed_s = ((at - victim.killed_at).total_seconds() for _, at in found)
        return Comeback(noticed_s, resumed_s)
