"""Turns: whose run is next, how many of a project train at once, which worker may take which."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select, update

from service.ids import new_id
from service.store.broker import QUEUES
from service.store.instants import db_now
from service.store.tables import RunRow, WorkerRow
from service.usecases.bells import RESERVE
from service.usecases.claims import Outcome, ProgressPart
from service.usecases.placement import AFFINITY_S
from service.usecases.projects import Projects
from service.usecases.workers import WorkerIdentity, Workers

if TYPE_CHECKING:
    from tests.service.usecases.world import World

WORKER = WorkerIdentity("worker", 1, "host", ["slope.cpu"], slots=8)
GIB = 2**30
STOPPED = Outcome(status="stopped", stop_reason="budget")


def second_project(world: World) -> str:
    return Projects(world.sessions).ensure_project("second")


def create_in(world: World, project_id: str) -> str:
    wish = world.wish(dataset_id=world.add_dataset(project_id))
    return world.runs.create(project_id, wish).id


def flood(world: World, count: int) -> None:
    """Queue copies of a run, without the quota and the time of as many requests."""
    run = world.create()
    with world.sessions.begin() as session:
        row = session.scalars(select(RunRow).where(RunRow.id == run.id)).one()
        values = {column.key: getattr(row, column.key) for column in RunRow.__table__.columns}
        fresh = {"dispatched_at": None, "dispatch_count": 0, "event_seq": 0}
        copies = [values | fresh | {"id": new_id("run")} for _ in range(count - 1)]
        session.execute(insert(RunRow), copies)


class Pool:
    """Slots that answer bells in the order in which they hang, and end the oldest run first."""

    def __init__(self, world: World, slots: int) -> None:
        self.world = world
        self.slots = slots
        self.answered = 0
        self.begun: list[str] = []
        self.running: deque[tuple[str, int]] = deque()
        Workers(world.sessions).announce(replace(WORKER, slots=slots))

    def fill(self) -> None:
        """Answer bells while a slot is free and one hangs."""
        self.world.reconciler.ring()
        while len(self.running) < self.slots and self.answered < len(self.world.broker.rung):
            bell = self.world.broker.rung[self.answered]
            self.answered += 1
            claim = self.world.leases.claim(bell, WORKER.id)
            if claim is not None:
                self.running.append((claim.run_id, claim.fence))
                self.begun.append(claim.run_id)

    def end_one(self) -> None:
        """End the run that began first."""
        self.world.leases.finish(*self.running.popleft(), STOPPED)


@pytest.mark.parametrize(("slots", "limit"), [(1, None), (2, None), (8, None), (8, 100)])
def test_a_flood_of_one_project_delays_anothers_first_run_by_two_at_most(
    world: World, slots: int, limit: int | None
) -> None:
    Projects(world.sessions).limit("first", limit)
    flood(world, 500)
    pool = Pool(world, slots)
    pool.fill()
    n_before = len(pool.begun)
    assert n_before == min(slots, limit or 4)
    late = create_in(world, second_project(world))
    pool.fill()
    while late not in pool.begun:
        pool.end_one()
        pool.fill()
    assert len(pool.begun) - n_before - 1 <= RESERVE


def test_no_more_bells_hang_than_slots_are_free_and_a_reserve(world: World) -> None:
    Projects(world.sessions).limit("first", 100)
    Workers(world.sessions).announce(replace(WORKER, slots=3))
    runs = [world.create().id for _ in range(10)]
    assert world.broker.rung == runs[: 3 + RESERVE]
    for run_id in runs[:2]:
        world.claim(run_id)
    assert world.reconciler.reconcile().rung == ()
    world.leases.finish(runs[0], 1, STOPPED)
    assert world.reconciler.reconcile().rung == (runs[3 + RESERVE],)


def test_a_project_trains_as_many_runs_at_once_as_it_may(world: World) -> None:
    pool = Pool(world, 8)
    flood(world, 10)
    pool.fill()
    assert len(pool.begun) == 4
    Projects(world.sessions).limit("first", 6)
    pool.fill()
    assert len(pool.begun) == 6
    Projects(world.sessions).limit("first", 1)
    for n_left in (5, 4, 3, 2, 1):
        pool.end_one()
        pool.fill()
        assert len(pool.running) == n_left
    pool.end_one()
    pool.fill()
    assert len(pool.running) == 1


def test_the_runs_of_both_devices_share_a_projects_limit(world: World) -> None:
    Workers(world.sessions).announce(replace(WORKER, queues=tuple(QUEUES.values())))
    devices = ["cpu", "cpu", "cpu", "cuda", "cuda", "cuda"]
    runs = [world.create(device=device).id for device in devices]
    assert world.broker.rung == runs[:4]


def test_claims_at_the_same_time_stay_within_the_limit(world: World) -> None:
    flood(world, 12)
    with world.sessions.read() as session:
        queued = session.scalars(select(RunRow.id)).all()
    with ThreadPoolExecutor(6) as pool:
        claims = list(pool.map(lambda run_id: world.leases.claim(run_id, "anyone"), queued))
    assert sum(claim is not None for claim in claims) == 4
    left = next(run_id for run_id, claim in zip(queued, claims, strict=True) if claim is None)
    row = world.row(left)
    # Left as it was, for the next bell.
    assert (row.status, row.attempt, row.fence, row.dispatched_at) == ("queued", 0, 0, None)


def test_a_run_is_rung_for_and_taken_only_where_it_fits(world: World) -> None:
    workers = Workers(world.sessions)
    workers.announce(replace(WORKER, id="large", memory_bytes=4 * GIB))
    run = world.create()
    need = world.row(run.id).memory_bytes
    assert need is not None
    assert need > 1
    workers.announce(replace(WORKER, id="small", memory_bytes=need - 1))
    assert world.leases.claim(run.id, "small") is None
    assert world.reconciler.reconcile().rung == (run.id,)
    workers.leave("large")
    assert world.leases.claim(run.id, "small") is None
    # It waits for a larger worker to come.
    assert world.reconciler.reconcile().rung == ()
    workers.announce(replace(WORKER, id="exact", memory_bytes=need))
    assert world.reconciler.reconcile().rung == (run.id,)
    assert world.leases.claim(run.id, "exact") is not None


def test_a_run_that_no_worker_can_hold_keeps_no_other_from_its_turn(world: World) -> None:
    workers = Workers(world.sessions)
    workers.announce(WORKER)
    large = [world.create().id for _ in range(4)]
    with world.sessions.begin() as session:
        session.execute(update(RunRow).values(memory_bytes=GIB, dispatched_at=None))
    workers.announce(replace(WORKER, memory_bytes=GIB - 1))
    small = world.create().id
    assert world.broker.rung == [*large, small]


def give_back(world: World, run_id: str, numerics: dict[str, str]) -> None:
    claim = world.claim(run_id)
    part = ProgressPart(epoch=0, step=0, trained_seconds=0.0, numerics=numerics)
    world.leases.release(run_id, claim.fence, part)


def test_a_run_that_was_begun_waits_a_little_for_a_worker_with_its_numerics(world: World) -> None:
    workers = Workers(world.sessions)
    old, new = {"blas": "one", "dtype": "float32"}, {"blas": "other", "dtype": "float32"}
    workers.announce(replace(WORKER, id="other", numerics=new))
    workers.announce(replace(WORKER, id="like", numerics=old))
    run = world.create()
    # Its precision is the run's, whatever the worker announced.
    give_back(world, run.id, old | {"dtype": "float64"})
    assert world.leases.claim(run.id, "other") is None
    assert world.reconciler.reconcile().rung == (run.id,)
    assert world.leases.claim(run.id, "like") is not None


def test_after_a_minute_a_run_goes_on_anywhere(world: World) -> None:
    workers = Workers(world.sessions)
    workers.announce(replace(WORKER, id="other", numerics={"blas": "other"}))
    workers.announce(replace(WORKER, id="like", numerics={"blas": "one"}))
    run = world.create()
    give_back(world, run.id, {"blas": "one"})
    assert world.leases.claim(run.id, "other") is None
    world.shift(run.id, available_at=-AFFINITY_S - 1.0)
    assert world.leases.claim(run.id, "other") is not None


@pytest.mark.parametrize("gone", ["left", "silent"])
def test_a_run_waits_for_no_numerics_that_nobody_has(world: World, gone: str) -> None:
    workers = Workers(world.sessions)
    workers.announce(replace(WORKER, id="other", numerics={"blas": "other"}))
    workers.announce(replace(WORKER, id="like", numerics={"blas": "one"}))
    run = world.create()
    give_back(world, run.id, {"blas": "one"})
    if gone == "left":
        workers.leave("like")
    else:
        silence = {"last_seen": db_now(-AFFINITY_S - 1.0)}
        with world.sessions.begin() as session:
            session.execute(update(WorkerRow).where(WorkerRow.id == "like").values(silence))
    assert world.leases.claim(run.id, "other") is not None


def test_within_a_project_the_higher_priority_goes_first(world: World) -> None:
    Workers(world.sessions).announce(replace(WORKER, slots=1))
    runs = [world.create().id for _ in range(6)]
    with world.sessions.begin() as session:
        session.execute(update(RunRow).values(dispatched_at=None))
        session.execute(update(RunRow).where(RunRow.id == runs[4]).values(priority=10))
    world.broker.rung.clear()
    world.reconciler.ring()
    assert world.broker.rung[:2] == [runs[4], runs[0]]
