"""Runs of a small table, taken by a worker in the test's own process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from service.clock import SystemClock
from service.ids import new_id
from service.store.blobs import Blobs
from service.store.tables import BlobChunkRow, CheckpointRow, DatasetRow, RunRow
from service.usecases.leases import Leases
from workers.engine.kernels.plain import PLAIN
from workers.modelling.scratch import Scratch
from workers.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.schemas.runs import Requested, Run
    from tests.service.usecases.world import World
    from workers.engine.kernels.contract import Kernels

LEASE_S = 3.0
"""Long enough for a machine that is busy with other tests; heartbeats come every second."""
LINEAR = {"network": {"layers": []}, "preprocessing": "none"}
LONG = {"epochs": 10_000, "batch_size": 1, "early_stopping": None}


class Looks:
    """Does something at a worker's n-th look whether it drains, from 1."""

    def __init__(self, at: int, act: Callable[[], bool | None]) -> None:
        self._at = at
        self._act = act
        self._n = 0

    def __call__(self) -> bool:
        self._n += 1
        return self._n == self._at and bool(self._act())


def never() -> bool:
    return False


def request(world: World, run_id: str, wish: Requested | None) -> None:
    """Let the run's owner have a wish, whatever the run's status."""
    with world.sessions.begin() as session:
        session.execute(update(RunRow).where(RunRow.id == run_id).values(requested=wish))


def wait_no_longer(world: World, run_id: str) -> None:
    """Let a run that goes on after a crash, or a pause, be claimed at once."""
    with world.sessions.begin() as session:
        paused = update(RunRow).where(RunRow.id == run_id, RunRow.status == "paused")
        session.execute(paused.values(status="queued"))
    world.shift(run_id, available_at=-1.0)


def states(world: World, run_id: str) -> list[CheckpointRow]:
    """The run's checkpoints, the newest first."""
    query = select(CheckpointRow).where(CheckpointRow.run_id == run_id)
    with world.sessions.read() as session:
        return list(session.scalars(query.order_by(CheckpointRow.step.desc())))


def rot(world: World, sha256: str | None) -> None:
    """Change what is stored under a digest."""
    assert sha256 is not None
    with world.sessions.begin() as session:
        rotten = update(BlobChunkRow).where(BlobChunkRow.sha256 == sha256)
        session.execute(rotten.values(data=b"rotten"))


def add_line(world: World, profile: dict[str, Any], data: bytes) -> str:
    with world.sessions.begin() as session:
        row = DatasetRow(
            id=new_id("ds"),
            project_id=world.project_id,
            name="line",
            format="csv",
            sha256="0" * 64,
            bytes=len(data),
            rows=60,
            profile=profile,
            blob_sha256=world.blobs.put(session, data),
        )
        session.add(row)
        return row.id


def train(
    world: World,
    run_id: str,
    is_draining: Callable[[], bool] = never,
    kernels: Kernels = PLAIN,
    scratch: Scratch | None = None,
    **options: Any,
) -> Run:
    """Let a worker take the run to wherever it comes."""
    parts: dict[str, Any] = {"leases": Leases(world.sessions, Blobs(), lease_s=LEASE_S), **options}
    runner = Runner(
        worker_id="wrk_test",
        lease_s=LEASE_S,
        clock=SystemClock(),
        is_draining=is_draining,
        ring_next=world.reconciler.ring,
        kernels=kernels,
        scratch=scratch or Scratch(),
        **parts,
    )
    runner.run(run_id)
    return world.get(run_id)


def kinds(world: World, run_id: str) -> list[str]:
    page = world.runs.checkpoints(world.project_id, run_id)
    return sorted(checkpoint.kind for checkpoint in page.data)


def create(world: World, **training: Any) -> str:
    """Queue a training of so many epochs, or an endless one."""
    return world.create(**LINEAR, training=training or LONG).id
