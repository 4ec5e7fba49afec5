"""Bells: which waiting runs to ring for, fairly, and ringing for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, exists, func, not_, or_, select, true, update

from service.settings import RUNS_RUNNING
from service.store.broker import BrokerUnavailableError
from service.store.instants import db_now
from service.store.tables import ProjectRow, RunRow
from service.usecases.placement import limit_of_project
from service.usecases.workers import Capacity, capacities

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

# So many bells may hang in the broker beyond those for slots that are free: runs start at once when
# a slot falls free. More would fix an order there that fairness could not change; these are the
# runs that a project, however many others wait, may find before its first.
RESERVE = 2

_NO_WORKER = Capacity(1, None)
"""With no worker known yet, a bell waits for the first one to come."""


@dataclass(frozen=True)
class Bell:
    """A bell to ring, and for how long it is worth hearing."""

    run_id: str
    queue: str
    expires_s: float


class Bells:
    """Chooses in a transaction, rings after it."""

    def __init__(
        self, sessions: Sessions, broker: Broker, runs_running: int = RUNS_RUNNING
    ) -> None:
        """Prepare; `runs_running` is of each project whose operator set no other."""
        self._sessions = sessions
        self._broker = broker
        self._runs_running = runs_running

    def choose(self, session: Session, *only: ColumnElement[bool]) -> list[Bell]:
        """Mark the runs whose turn it is, as many as there is room for; return their bells."""
        queues = session.scalars(select(RunRow.queue).where(*_waits(), *only).distinct()).all()
        able = capacities(session) if queues else {}
        bells: list[Bell] = []
        for queue in queues:
            # Marked queue by queue: a project's runs of all queues share its limit.
            bells += self._choose(session, queue, able.get(queue, _NO_WORKER), only)
        return bells

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

    def _choose(
        self, session: Session, queue: str, able: Capacity, only: Sequence[ColumnElement[bool]]
    ) -> list[Bell]:
        room = _room(session, queue, able.slots)
        if room <= 0:
            return []
        in_turn = _next_in_turn(queue, able, self._runs_running)
        chosen = session.scalars(in_turn.where(*only).limit(room)).all()
        marked = (
            update(RunRow)
            .where(RunRow.id.in_(chosen))
            .values(dispatched_at=db_now(), dispatch_count=RunRow.dispatch_count + 1)
            .returning(RunRow.id, RunRow.dispatch_count)
        )
        counts = dict(session.execute(marked).all())
        return [Bell(run_id, queue, again_s(counts[run_id])) for run_id in chosen]

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
    """Return how many more bells may hang: for each free slot one, and the reserve."""
    of = func.count().filter
    running, rung = (RunRow.status == "running"), and_(RunRow.status == "queued", _is_rung())
    counted = select(of(running), of(rung)).where(RunRow.queue == queue, _is_unfinished())
    n_running, n_rung = session.execute(counted).one()
    return max(slots - n_running, 0) + RESERVE - n_rung


def _next_in_turn(queue: str, able: Capacity, runs_running: int) -> Select[str]:
    """Select the runs to ring for in a queue, the next one first.

    Each project's runs are numbered, those under way first: a project's next run then waits for
    every other project to have as many under way, however many of its own are queued. Those that
    no worker could take now have no number, so that they hold up no other.
    """
    under_way = or_(RunRow.status == "running", _is_rung())
    ready = and_(*_waits(), RunRow.queue == queue, _fits(able))
    first = case((under_way, 0), else_=1)
    here = (RunRow.project_id, RunRow.queue)
    number = func.row_number().over(
        partition_by=here, order_by=(first, RunRow.priority.desc(), RunRow.id)
    )
    n_here = func.sum(1 - first).over(partition_by=here)
    n_everywhere = func.sum(1 - first).over(partition_by=RunRow.project_id)
    turns = (
        select(RunRow.id, number.label("number"), (number + n_everywhere - n_here).label("load"))
        .where(_is_unfinished(), or_(under_way, ready))
        .subquery()
    )
    return (
        select(RunRow.id)
        .join(turns, turns.c.id == RunRow.id)
        .join(ProjectRow, ProjectRow.id == RunRow.project_id)
        .where(ready, turns.c.load <= limit_of_project(runs_running))
        .order_by(turns.c.number, RunRow.id)
        # Another reconciler marks others at the same time, not the same ones twice.
        .with_for_update(of=RunRow, skip_locked=True)
    )


def _is_unfinished() -> ColumnElement[bool]:
    return RunRow.status.in_(("queued", "running"))


def _fits(able: Capacity) -> ColumnElement[bool]:
    if able.memory_bytes is None:
        return true()
    return or_(RunRow.memory_bytes.is_(None), RunRow.memory_bytes <= able.memory_bytes)


def _unmarked() -> Update:
    return (
        update(RunRow).where(RunRow.status == "queued").values(dispatched_at=None, dispatch_count=0)
    )
