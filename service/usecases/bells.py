"""Bells: which waiting runs to ring for, fairly, and ringing for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, func, not_, or_, select, true, update

from service.settings import RUNS_RUNNING
from service.store.broker import BrokerUnavailableError
from service.store.instants import db_now
from service.store.tables import ProjectRow, RunRow, is_unfinished
from service.usecases.placement import limit_of_project
from service.usecases.workers import Capacity, capacities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import CTE, ColumnElement, Select, Update
    from sqlalchemy.orm import Session

    from service.store.broker import Broker
    from service.store.db import Sessions

# A run's first bell is rung once more after so long: whoever was to ring it may have died, or lost
# the answer to its COMMIT. A bell too many finds nothing to take.
ONCE_MORE_S = 1.0
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
class Room:
    """How many more bells may hang in a queue, and what its workers give."""

    n_bells: int
    able: Capacity


@dataclass(frozen=True)
class Bell:
    """A bell to ring."""

    run_id: str
    queue: str


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
        bells: list[Bell] = []
        for queue, room in _rooms(session).items():
            # Marked queue by queue: a project's runs of all queues share its limit.
            bells += self._choose(session, room, queue, only)
        return bells

    def ring(self, bells: Sequence[Bell]) -> list[str]:
        """Ring marked bells, unmark those that the broker did not take; return whom it took."""
        rung: list[str] = []
        try:
            for bell in bells:
                self._broker.ring(bell.run_id, queue=bell.queue)
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
        # A look first: on SQLite a transaction that may write keeps every other writer out.
        with self._sessions.read() as session:
            if not _rooms(session):
                return []
        with self._sessions.begin() as session:
            bells = self.choose(session)
        return self.ring(bells)

    def _choose(
        self, session: Session, room: Room, queue: str, only: Sequence[ColumnElement[bool]]
    ) -> list[Bell]:
        in_turn = session.scalars(_next_in_turn(queue, room, self._runs_running, only)).all()
        # Another reconciler marks others at the same time, not the same ones twice.
        free = select(RunRow.id).where(RunRow.id.in_(in_turn), *_waits())
        locked = session.scalars(free.with_for_update(skip_locked=True)).all()
        marked = (
            update(RunRow)
            .where(RunRow.id.in_(locked))
            .values(dispatched_at=db_now(), dispatch_count=_n_repeated())
            .returning(RunRow.id)
        )
        chosen = set(session.scalars(marked))
        return [Bell(run_id, queue) for run_id in in_turn if run_id in chosen]

    def _unmark(self, run_ids: Sequence[str]) -> None:
        with self._sessions.begin() as session:
            session.execute(_unmarked().where(RunRow.id.in_(run_ids)))

    def _forget(self) -> None:
        with self._sessions.begin() as session:
            session.execute(_unmarked().where(RunRow.dispatched_at.is_not(None)))


def again_s(count: int) -> float:
    """Return how long after its bell was repeated `count` times a run is rung for again."""
    return min(AGAIN_S * 2.0 ** (count - 1), AGAIN_CAP_S) if count else ONCE_MORE_S


def _n_repeated() -> ColumnElement[int]:
    """How often the bell of a run has been repeated, with the one that is rung now."""
    return case((RunRow.dispatched_at.is_(None), 0), else_=RunRow.dispatch_count + 1)


def _is_rung() -> ColumnElement[bool]:
    """Whether a bell for the run is on its way, as far as one can know."""
    long_ago = case(
        *(
            (RunRow.dispatch_count <= count, db_now(-again_s(count)))
            for count in range(_DOUBLINGS + 1)
        ),
        else_=db_now(-AGAIN_CAP_S),
    )
    rung = (RunRow.dispatched_at.is_not(None), RunRow.dispatched_at >= long_ago)
    return and_(RunRow.status == "queued", *rung)


def _waits() -> tuple[ColumnElement[bool], ...]:
    return (
        RunRow.status == "queued",
        RunRow.available_at <= db_now(),
        RunRow.deadline_at > db_now(),
        not_(_is_rung()),
    )


def _rooms(session: Session) -> dict[str, Room]:
    """Return the queues in which runs wait to be rung for, and there is room for bells."""
    of = func.count().filter
    counted = (
        select(RunRow.queue, of(RunRow.status == "running"), of(_is_rung()), of(and_(*_waits())))
        .where(is_unfinished())
        .group_by(RunRow.queue)
    )
    found = session.execute(counted).all()
    able = capacities(session) if found else {}
    rooms: dict[str, Room] = {}
    for queue, n_running, n_rung, n_waiting in found:
        giving = able.get(queue, _NO_WORKER)
        n_bells = max(giving.slots - n_running, 0) + RESERVE - n_rung
        if n_waiting and n_bells > 0:
            rooms[queue] = Room(n_bells, giving)
    return rooms


def _next_in_turn(
    queue: str, room: Room, runs_running: int, only: Sequence[ColumnElement[bool]]
) -> Select[str]:
    """Select the runs to ring for in a queue, the next one first.

    Each project's runs are numbered, those under way first: a project's next run then waits for
    every other project to have as many under way, however many of its own are queued. Those that
    no worker could take now have no number, so that they hold up no other.
    """
    runs = _under_way_or_ready(queue, room.able).c
    here = (runs.project_id, runs.queue)
    order = (runs.is_under_way.desc(), runs.priority.desc(), runs.id)
    number = func.row_number().over(partition_by=here, order_by=order)
    n_here = func.sum(runs.is_under_way).over(partition_by=here)
    n_everywhere = func.sum(runs.is_under_way).over(partition_by=runs.project_id)
    turns = select(
        runs.id,
        runs.project_id,
        number.label("number"),
        (number - n_here).label("place"),
        (number - n_here + n_everywhere).label("load"),
    )
    turn = turns.subquery().c
    chosen = (
        select(turn.id)
        .join(ProjectRow, ProjectRow.id == turn.project_id)
        # No project has more turns than there is room, which leaves few to look at.
        .where(turn.place.between(1, room.n_bells), turn.load <= limit_of_project(runs_running))
        .order_by(turn.number, turn.id)
        .limit(room.n_bells)
    )
    return chosen.where(turn.id.in_(select(RunRow.id).where(*only))) if only else chosen


def _under_way_or_ready(queue: str, able: Capacity) -> CTE:
    """Select what turns are counted from: under way in any queue, or ready in this one."""
    under_way = or_(RunRow.status == "running", _is_rung())
    ready = and_(*_waits(), RunRow.queue == queue, _fits(able))
    return (
        select(
            RunRow.id,
            RunRow.project_id,
            RunRow.queue,
            RunRow.priority,
            case((under_way, 1), else_=0).label("is_under_way"),
        )
        .where(is_unfinished(), or_(under_way, ready))
        .cte("candidates")
        # As a whole first: else SQLite reads runs by an index of all, to be spared the sorting.
        .prefix_with("MATERIALIZED")
    )


def _fits(able: Capacity) -> ColumnElement[bool]:
    if able.memory_bytes is None:
        return true()
    return or_(RunRow.memory_bytes.is_(None), RunRow.memory_bytes <= able.memory_bytes)


def _unmarked() -> Update:
    return (
        update(RunRow).where(RunRow.status == "queued").values(dispatched_at=None, dispatch_count=0)
    )
