"""Hearing: canaries in every queue, and workers that miss what hangs for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from service.usecases.health import Health
from service.usecases.hearing import DEAF_S, Hearing
from service.usecases.workers import WorkerIdentity, Workers

if TYPE_CHECKING:
    from tests.service.usecases.world import World

WORKER = WorkerIdentity("one", 1, "host", ["slope.cpu"], slots=2)


@pytest.fixture
def hearing(world: World) -> Hearing:
    return Hearing(world.sessions, world.broker)


def test_every_living_worker_has_a_canary_in_its_queue(world: World, hearing: Hearing) -> None:
    workers = Workers(world.sessions)
    hearing.ring_canaries()
    assert world.broker.canaries == []
    workers.announce(WORKER)
    workers.announce(replace(WORKER, id="two"))
    workers.announce(replace(WORKER, id="gpu", queues=["slope.cuda"]))
    workers.announce(replace(WORKER, id="drained"))
    workers.drain("drained")
    hearing.ring_canaries()
    assert sorted(world.broker.canaries) == ["slope.cpu", "slope.cpu", "slope.cuda"]


def test_no_canary_joins_messages_that_hang(world: World, hearing: Hearing) -> None:
    Workers(world.sessions).announce(WORKER)
    world.broker.n_hanging = 1
    hearing.ring_canaries()
    assert world.broker.canaries == []


def test_a_worker_is_deaf_that_heard_nothing_while_messages_hang(
    world: World, hearing: Hearing
) -> None:
    workers = Workers(world.sessions)
    workers.announce(WORKER)
    workers.announce(replace(WORKER, id="two"))
    world.broker.n_hanging = 1
    assert hearing.deaf() == frozenset()
    workers.seen("one", heard_ago_s=DEAF_S + 1.0)
    workers.seen("two", heard_ago_s=DEAF_S - 1.0)
    assert hearing.deaf() == {"one"}
    world.broker.n_hanging = 0
    assert hearing.deaf() == frozenset()


def test_nobody_is_deaf_while_the_broker_is_away(world: World, hearing: Hearing) -> None:
    workers = Workers(world.sessions)
    workers.announce(WORKER)
    workers.seen("one", heard_ago_s=DEAF_S + 1.0)
    world.broker.n_hanging = 1
    world.broker.is_away = True
    assert hearing.deaf() == frozenset()
    hearing.ring_canaries()


def test_a_service_whose_only_worker_is_deaf_is_not_ready(world: World) -> None:
    health, workers = Health(world.sessions, world.broker), Workers(world.sessions)
    has_worker = health.checks["worker"]
    assert not has_worker()
    workers.announce(WORKER)
    assert has_worker()
    workers.seen("one", heard_ago_s=DEAF_S + 1.0)
    world.broker.n_hanging = 1
    assert not has_worker()
    assert [worker.deaf for worker in health.status(world.project_id).workers] == [True]
    workers.announce(replace(WORKER, id="two"))
    assert has_worker()
