"""Runs of a small table, taken by a worker in the test's own process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.clock import SystemClock
from service.ids import new_id
from service.store.blobs import Blobs
from service.store.tables import DatasetRow
from service.usecases.leases import Leases
from workers.engine.kernels.plain import PLAIN
from workers.modelling.scratch import Scratch
from workers.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.schemas.runs import Run
    from tests.service.usecases.world import World
    from workers.engine.kernels.contract import Kernels

LEASE_S = 0.6
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
) -> Run:
    """Let a worker take the run to wherever it comes."""
    leases = Leases(world.sessions, Blobs(), lease_s=LEASE_S)
    runner = Runner(
        leases=leases,
        worker_id="wrk_test",
        lease_s=LEASE_S,
        clock=SystemClock(),
        is_draining=is_draining,
        ring_next=world.reconciler.ring,
        kernels=kernels,
        scratch=scratch or Scratch(),
    )
    runner.run(run_id)
    return world.get(run_id)


def kinds(world: World, run_id: str) -> list[str]:
    page = world.runs.checkpoints(world.project_id, run_id)
    return sorted(checkpoint.kind for checkpoint in page.data)


def create(world: World, **training: Any) -> str:
    """Queue a training of so many epochs, or an endless one."""
    return world.create(**LINEAR, training=training or LONG).id
