"""Workers: who is there, and who is not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import update

from service.store.blobs import Blobs
from service.store.instants import db_now
from service.store.tables import BlobRow, WorkerRow
from service.usecases.projects import Projects
from service.usecases.sweep import Sweep, Swept
from service.usecases.workers import ALIVE_S, WorkerIdentity, Workers

if TYPE_CHECKING:
    from service.store.db import Sessions
    from tests.service.usecases.world import World

WORKER = WorkerIdentity("host-1", 1, "host", ["slope.cpu"], slots=2)


def silence(sessions: Sessions, seconds: float) -> None:
    with sessions.begin() as session:
        session.execute(update(WorkerRow).values(last_seen=db_now(-seconds)))


def test_a_worker_is_there_from_its_announcement_until_it_leaves(sessions: Sessions) -> None:
    workers = Workers(sessions)
    assert workers.alive() == 0
    workers.announce(WORKER)
    workers.announce(replace(WORKER, pid=2))
    assert workers.alive() == 1
    workers.leave(WORKER.id)
    assert workers.alive() == 0
    assert not workers.seen(WORKER.id)


def test_the_speed_is_that_of_a_worker_that_is_there(sessions: Sessions) -> None:
    workers = Workers(sessions)
    assert workers.speed() is None
    workers.announce(WORKER)
    assert workers.speed() is None
    workers.announce(replace(WORKER, speed={"flops_per_s": 1e11}))
    assert workers.speed() == {"flops_per_s": 1e11}
    silence(sessions, ALIVE_S + 1.0)
    assert workers.speed() is None


def test_a_silent_worker_is_not_there_until_it_is_seen_again(sessions: Sessions) -> None:
    workers = Workers(sessions)
    workers.announce(WORKER)
    silence(sessions, ALIVE_S + 1.0)
    assert workers.alive() == 0
    assert workers.seen(WORKER.id)
    assert workers.alive() == 1


def test_a_draining_worker_takes_no_runs_until_it_starts_again(sessions: Sessions) -> None:
    workers = Workers(sessions)
    workers.announce(WORKER)
    workers.drain(WORKER.id)
    assert workers.alive() == 0
    workers.announce(WORKER)
    assert workers.alive() == 1


def test_of_many_workers_at_once_each_run_is_claimed_by_one(world: World) -> None:
    Projects(world.sessions).limit("first", 10)
    runs = [world.create().id for _ in range(10)]

    def claim(job: int) -> str | None:
        taken = world.leases.claim(runs[job % len(runs)], f"worker-{job}")
        return taken.run_id if taken else None

    with ThreadPoolExecutor(8) as pool:
        taken = [run_id for run_id in pool.map(claim, range(60)) if run_id is not None]
    assert sorted(taken) == sorted(runs)
    assert all(world.row(run_id).attempt == 1 for run_id in runs)


def test_reconcilers_that_overlap_reap_each_run_once(world: World) -> None:
    Projects(world.sessions).limit("first", 10)
    runs = [world.create().id for _ in range(10)]
    for run_id in runs:
        world.claim(run_id)
        world.expire(run_id)
    with ThreadPoolExecutor(4) as pool:
        passes = pool.map(lambda _: world.reconciler.reconcile().reaped, range(8))
        reaped = [run_id for one in passes for run_id in one]
    assert sorted(reaped) == sorted(runs)
    assert all(world.row(run_id).crashes_total == 1 for run_id in runs)


def test_the_sweep_takes_what_is_old_and_leaves_the_rest(world: World) -> None:
    workers = Workers(world.sessions)
    workers.announce(WORKER)
    with world.sessions.begin() as session:
        world.blobs.put(session, b"unnamed")
    sweep = Sweep(world.sessions, Blobs())
    assert sweep.sweep() == Swept(0, 0, 0)
    silence(world.sessions, 2 * 86_400.0)
    with world.sessions.begin() as session:
        session.execute(update(BlobRow).values(put_at=db_now(-7200.0)))
    assert sweep.sweep() == Swept(blobs=1, idempotency_keys=0, workers=1)
    assert world.create().status == "queued"
