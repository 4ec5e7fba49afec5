"""Health: which parts of the service are there, and how its work goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sqlalchemy import func, select

from service.errors import UnavailableError
from service.schemas.service import ServiceStatus, WorkerStatus
from service.store.instants import db_now
from service.store.tables import RunRow, WorkerRow
from service.usecases import pulses
from service.usecases.hearing import Hearing
from service.usecases.workers import Workers, is_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from service.schemas.runs import Status
    from service.store.broker import Broker
    from service.store.db import Sessions


class Health:
    """Looks at the database, the broker and the workers."""

    def __init__(self, sessions: Sessions, broker: Broker) -> None:
        self._sessions = sessions
        self._broker = broker
        self._workers = Workers(sessions)
        self._hearing = Hearing(sessions, broker)

    @property
    def checks(self) -> Mapping[str, Callable[[], bool]]:
        """What readiness needs, by name: each tells whether that part is there."""
        return {
            "database": self._has_database,
            "broker": self._broker.ping,
            "worker": self._has_worker,
        }

    def status(self, project_id: str) -> ServiceStatus:
        """Return how the service stands, and the runs of one project in it.

        Where the database is away, nothing is known but that, and whether the broker answers.
        """
        broker = self._broker.ping()
        try:
            # Deaf ones first: a worker that ends meanwhile is then told of no more.
            deaf = self._hearing.deaf()
            with self._sessions.read() as session:
                now = session.scalars(select(db_now())).one()
                return ServiceStatus(
                    database=True,
                    broker=broker,
                    reconciled_seconds_ago=_ago_s(now, pulses.last(session, pulses.RECONCILING)),
                    oldest_wait_seconds=_ago_s(now, _oldest_wait(session, project_id)),
                    runs=_counts(session, project_id),
                    workers=_workers(session, deaf),
                )
        except UnavailableError:
            return ServiceStatus(
                database=False,
                broker=broker,
                reconciled_seconds_ago=None,
                oldest_wait_seconds=None,
                runs={},
                workers=[],
            )

    def _has_database(self) -> bool:
        try:
            return self._workers.alive() >= 0
        except UnavailableError:
            return False

    def _has_worker(self) -> bool:
        try:
            return self._workers.alive() > len(self._hearing.deaf())
        except UnavailableError:
            return False


def _ago_s(now: datetime, then: datetime | None) -> float | None:
    return None if then is None else max(0.0, (now - then).total_seconds())


def _oldest_wait(session: Session, project_id: str) -> datetime | None:
    waits = (RunRow.project_id == project_id, RunRow.status == "queued")
    return session.scalar(select(func.min(RunRow.available_at)).where(*waits))


def _counts(session: Session, project_id: str) -> dict[Status, int]:
    counted = select(RunRow.status, func.count()).where(RunRow.project_id == project_id)
    rows = session.execute(counted.group_by(RunRow.status))
    return {cast("Status", status): count for status, count in rows}


def _workers(session: Session, deaf: frozenset[str]) -> list[WorkerStatus]:
    rows = session.scalars(select(WorkerRow).where(*is_alive()).order_by(WorkerRow.created_at))
    return [
        WorkerStatus(
            queues=row.queues,
            slots=row.slots,
            memory_bytes=row.memory_bytes,
            last_seen=row.last_seen,
            heard_at=row.heard_at,
            deaf=row.id in deaf,
        )
        for row in rows
    ]
