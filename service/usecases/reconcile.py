"""Reconciliation: whatever was lost comes back, by looking at the ledger again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from service.settings import RUNS_RUNNING
from service.store.instants import db_now
from service.store.tables import RunRow, is_unfinished
from service.usecases import journal, pulses
from service.usecases.bells import Bells
from service.usecases.claims import NewEvent
from service.usecases.moves import Move, move

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from service.schemas.runs import Status, StopReason
    from service.store.broker import Broker
    from service.store.db import Sessions
    from service.usecases.outages import Outages

CRASH_BUDGET = 5
BACK_OFF_S = 1.0
BACK_OFF_CAP_S = 300.0
_AT_ONCE = 100


@dataclass(frozen=True)
class Reconciled:
    """What one pass did, by run ids; `reaped` ones lost their worker, whatever became of them."""

    reaped: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    rung: tuple[str, ...] = ()


class Reconciler:
    """Safe to run anywhere, at any time, several at once."""

    def __init__(
        self,
        sessions: Sessions,
        broker: Broker,
        outages: Outages,
        runs_running: int = RUNS_RUNNING,
    ) -> None:
        """Prepare; `runs_running` is of each project whose operator set no other."""
        self._sessions = sessions
        self._outages = outages
        self._bells = Bells(sessions, broker, runs_running)

    def reconcile(self) -> Reconciled:
        """Reap expired leases, fail what is past its deadline, ring for what waits.

        After an outage of the database leases are left alone for a while: see `Outages`.
        """
        reaped, failed = self._reap(), self._fail_overdue()
        done = Reconciled(reaped, failed, self.ring())
        pulses.beat(self._sessions, pulses.RECONCILING)
        return done

    def ring(self) -> tuple[str, ...]:
        """Ring for runs that wait while there is room; a worker may call it after each run."""
        return tuple(self._bells.ring_all())

    def _reap(self) -> tuple[str, ...]:
        expired = (RunRow.status == "running", RunRow.lease_until < db_now())
        if not self._outages.are_over():
            return ()
        # Again with the rows locked: waiting for that may have been the outage.
        return self._each(expired, _reap, self._outages.is_own_over)

    def _fail_overdue(self) -> tuple[str, ...]:
        waiting = (is_unfinished(), RunRow.status != "running")
        return self._each((*waiting, RunRow.deadline_at <= db_now()), _fail_overdue)

    def _each(
        self,
        condition: Sequence[ColumnElement[bool]],
        deal_with: Callable[[Session, RunRow, datetime], None],
        is_time: Callable[[], bool] = lambda: True,
    ) -> tuple[str, ...]:
        # A look first: on SQLite a transaction that may write keeps every other writer out.
        with self._sessions.read() as session:
            if session.scalar(select(RunRow.id).where(*condition).limit(1)) is None:
                return ()
        locked = select(RunRow, db_now()).where(*condition).order_by(RunRow.id).limit(_AT_ONCE)
        with self._sessions.begin() as session:
            rows = session.execute(locked.with_for_update(skip_locked=True)).all()
            if not is_time():
                return ()
            for row, now in rows:
                deal_with(session, row, now)
            return tuple(row.id for row, _ in rows)


def _reap(session: Session, row: RunRow, now: datetime) -> None:
    lost = NewEvent(
        type="worker.lost",
        level="warning",
        message=f"The worker of attempt {row.attempt} fell silent.",
        data={"attempt": row.attempt, "crashes_since_progress": row.crashes_since_progress + 1},
    )
    # Before the move, because a run's last event is its last status.
    journal.append(session, row.id, [lost])
    expired = (RunRow.fence == row.fence, RunRow.lease_until < db_now())
    move(session, row.id, _verdict(row, now), *expired)


def _verdict(row: RunRow, now: datetime) -> Move:
    crashes = row.crashes_since_progress + 1
    counted: dict[str, Any] = {
        # Whoever held it is fenced off now, not only when the next one takes it.
        "fence": RunRow.fence + 1,
        "crashes_since_progress": crashes,
        "crashes_total": row.crashes_total + 1,
        "samples_per_second": None,
        "eta_seconds": None,
    }
    if row.requested == "cancel":
        return Move(source="running", target="cancelled", reason="user_cancel", values=counted)
    if row.deadline_at <= now:
        return _failure("running", "deadline_exceeded", counted)
    if crashes >= CRASH_BUDGET:
        return _failure("running", "worker_crashed", counted)
    if row.requested == "pause":
        put_aside = counted | {"requested": None}
        return Move(source="running", target="paused", reason="worker_lost", values=put_aside)
    # None for the first: what had made progress is rung for in the pass that takes it back.
    back_off_s = min(BACK_OFF_S * (2.0**row.crashes_since_progress - 1.0), BACK_OFF_CAP_S)
    again = counted | {"available_at": db_now(back_off_s)}
    return Move(source="running", target="queued", reason="worker_lost", values=again)


def _fail_overdue(session: Session, row: RunRow, _: datetime) -> None:
    source: Status = "queued" if row.status == "queued" else "paused"
    failure = _failure(source, "deadline_exceeded", {})
    move(session, row.id, failure, RunRow.deadline_at <= db_now())


def _failure(source: Status, reason: StopReason, values: Mapping[str, Any]) -> Move:
    error = {"code": reason, "detail": _DETAILS[reason], "param": None}
    return Move(
        source=source,
        target="failed",
        reason=reason,
        level="error",
        values={**values, "error": error},
    )


_DETAILS = {
    "deadline_exceeded": "The run was not finished by its deadline.",
    "worker_crashed": f"Its worker was lost {CRASH_BUDGET} times without any progress.",
}
