"""The service's status: what is there, who waits how long, who trains."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from service.store.db import Sessions, make_engine
from service.usecases.health import Health
from service.usecases.projects import Projects
from service.usecases.workers import WorkerIdentity, Workers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.usecases.world import RememberingBroker, World

WORKER = WorkerIdentity("one", 1, "host", ["slope.cpu"], slots=2, memory_bytes=2**30)


@pytest.fixture
def health(world: World) -> Health:
    return Health(world.sessions, world.broker)


def test_an_empty_service_has_nothing_to_tell(world: World, health: Health) -> None:
    status = health.status(world.project_id)
    assert (status.database, status.broker) == (True, True)
    assert (status.reconciled_seconds_ago, status.oldest_wait_seconds) == (None, None)
    assert (status.runs, status.workers) == ({}, [])


def test_the_status_tells_how_long_ago_somebody_reconciled(world: World, health: Health) -> None:
    world.reconciler.reconcile()
    ago_s = health.status(world.project_id).reconciled_seconds_ago
    assert ago_s is not None
    assert 0.0 <= ago_s < 5.0


def test_the_status_tells_of_the_projects_own_runs_alone(world: World, health: Health) -> None:
    runs = [world.create().id for _ in range(3)]
    world.claim(runs[0])
    world.runs.cancel(world.project_id, runs[1])
    world.shift(runs[2], available_at=-60.0)
    status = health.status(world.project_id)
    assert status.runs == {"running": 1, "cancelled": 1, "queued": 1}
    assert status.oldest_wait_seconds == pytest.approx(60.0, abs=5.0)
    other = Projects(world.sessions).ensure_project("second")
    assert health.status(other).runs == {}
    assert health.status(other).oldest_wait_seconds is None


def test_the_status_tells_of_workers_but_not_where_they_are(world: World, health: Health) -> None:
    workers = Workers(world.sessions)
    workers.announce(WORKER)
    workers.announce(replace(WORKER, id="drained"))
    workers.drain("drained")
    [worker] = health.status(world.project_id).workers
    assert (worker.queues, worker.slots, worker.memory_bytes) == (["slope.cpu"], 2, 2**30)
    assert worker.heard_at is not None
    shown = worker.model_dump_json()
    assert not any(secret in shown for secret in ('"one"', '"host"', "pid"))


def test_a_database_that_is_away_is_told(tmp_path: Path, broker: RememberingBroker) -> None:
    nowhere = Sessions(make_engine(f"sqlite:///{tmp_path / 'none' / 'slope.db'}"))
    broker.is_away = True
    health = Health(nowhere, broker)
    status = health.status("prj_any")
    assert (status.database, status.broker, status.workers) == (False, False, [])
    assert not any(check() for check in health.checks.values())
