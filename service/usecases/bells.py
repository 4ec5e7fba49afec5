"""Bells: which waiting runs to ring for, fairly, and ringing for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, exists, func, not_, or_, select, update

from service.store.broker import BrokerUnavailableError
from service.store.instants import db_now
from service.store.tables import RunRow
from service.usecases.workers import slots_by_queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select, Update
    from sqlalchemy.orm import Session

    from service.store.broker import Broker
    from service.store.db import Sessions

# A bell that nobody answered is rung again after so long, twice as long each time.
AGAIN_S = 30.0
AGAIN_CAP_S = 600.0
_DOUBLINGS = 5

# So many bells may hang in the broker for each slot of a worker: one to start with when the slot
# falls free, one in reserve. More would fix an order there that fairness could not change.
BELLS_PER_SLOT = 2


@dataclass(frozen=True)
class Bell:
    """A bell to ring, and for how long it is worth hearing."""

    run_id: str
    queue: str
    expires_s: float


class Bells:
    """Chooses in a transaction, rings after it."""

    def __init__(self, sessions: Sessions, broker: Broker) -> None:
        self._sessions = sessions
        self._broker = broker

    def choose(self, session: Session, *only: ColumnElement[bool]) -> list[Bell]:
        """Mark the runs whose turn it is, as many as there is room for; return their bells."""
        queues = session.scalars(select(RunRow.queue).where(*_waits(), *only).distinct()).all()
        slots = slots_by_queue(session) if queues else {}
        chosen: list[str] = []
        for queue in queues:
            room = _room(session, queue, slots.get(queue, 0))
            if room > 0:
                chosen += session.scalars(_next_in_turn(queue, room, only))
        marked = (
            update(RunRow)
            .where(RunRow.id.in_(chosen))
            .values(dispatched_at=db_now(), dispatch_count=RunRow.dispatch_count + 1)
            .returning(RunRow.id, RunRow.queue, RunRow.dispatch_count)
        )
        bells = {
            run_id: Bell(run_id, queue, again_s(count))
            for run_id, queue, count in session.execute(marked)
        }
        return [bells[run_id] for run_id in chosen if run_id in bells]

    def ring(self, bells: Sequence[Bell]) -> list[str]:
        """Ring marked bells, unmark those that the broker did not take; return whom it took."""
        rung: list[str] = []
        try:
            for bell in bells:
                self._broker.ring(bell.run_id, queue=bell.queue, expires_s=bell.expires_s)
                rung.append(bell.run_id)
        except BrokerUnavailableError:
            self._unmark([bell.run_id for bell in bells[len(rung) :]])
        return rung

    def ring_all(self) -> list[str]:
        """Ring for all whose turn it is; where the broker lost its data, for all again."""
        try:
            if not self._broker.has_canary():
                # Looked, mended, and only then noted as mended: whoever dies in between leaves it
                # for the next one to see.
                self._forget()
                self._broker.set_canary()
        except BrokerUnavailableError:
            return []
        with self._sessions.read() as session:
            waits = session.scalar(select(exists().where(*_waits())))
        if not waits:
            return []
        with self._sessions.begin() as session:
            bells = self.choose(session)
        return self.ring(bells)

    def _unmark(self, run_ids: Sequence[str]) -> None:
        with self._sessions.begin() as session:
            session.execute(_unmarked().where(RunRow.id.in_(run_ids)))

    def _forget(self) -> None:
        with self._sessions.begin() as session:
            session.execute(_unmarked().where(RunRow.dispatched_at.is_not(None)))


def again_s(count: int) -> float:
    """Return how long after its bell was rung `count` times a run is rung for again."""
    return min(AGAIN_S * 2.0 ** (count - 1), AGAIN_CAP_S)


def _is_rung() -> ColumnElement[bool]:
    """Whether a bell for the run is on its way, as far as one can know."""
    long_ago = case(
        *(
            (RunRow.dispatch_count <= count, db_now(-again_s(count)))
            for count in range(1, _DOUBLINGS + 1)
        ),
        else_=db_now(-AGAIN_CAP_S),
    )
    return and_(RunRow.dispatched_at.is_not(None), RunRow.dispatched_at >= long_ago)


def _waits() -> tuple[ColumnElement[bool], ...]:
    return (
        RunRow.status == "queued",
        RunRow.available_at <= db_now(),
        RunRow.deadline_at > db_now(),
        not_(_is_rung()),
    )


def _room(session: Session, queue: str, slots: int) -> int:
    waiting = (RunRow.status == "queued", RunRow.queue == queue)
    rung = select(func.count()).where(*waiting, _is_rung())
    # With no worker known yet, a bell waits for the first one to come.
    return BELLS_PER_SLOT * max(slots, 1) - (session.scalar(rung) or 0)


def _next_in_turn(queue: str, room: int, only: Sequence[ColumnElement[bool]]) -> Select[str]:
    # Each project's runs are numbered, those under way first: a project's next run then waits
    # for every other project to have as many under way, however many of its own are queued.
    under_way = case((or_(RunRow.status == "running", _is_rung()), 0), else_=1)
    number = func.row_number().over(
        partition_by=RunRow.project_id,
        order_by=(under_way, RunRow.priority.desc(), RunRow.id),
    )
    unfinished = (RunRow.queue == queue, RunRow.status.in_(("queued", "running")))
    turns = select(RunRow.id, number.label("number")).where(*unfinished).subquery()
    return (
        select(RunRow.id)
        .join(turns, turns.c.id == RunRow.id)
        .where(*_waits(), *only)
        .order_by(turns.c.number, RunRow.id)
        .limit(room)
        # Another reconciler marks others at the same time, not the same ones twice.
        .with_for_update(of=RunRow, skip_locked=True)
    )


def _unmarked() -> Update:
    return (
        update(RunRow).where(RunRow.status == "queued").values(dispatched_at=None, dispatch_count=0)
    )
