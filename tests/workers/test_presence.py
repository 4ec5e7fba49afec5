"""A worker's presence: its signs of life, and its end where it hears nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.clock import SystemClock
from service.usecases.health import Health
from service.usecases.hearing import DEAF_S, Hearing
from service.usecases.workers import WorkerIdentity, Workers
from tests.service.usecases.conftest import broker, world
from workers.hearing import Ear
from workers.presence import PATIENCE_TICKS, Ledger, Presence

if TYPE_CHECKING:
    from tests.service.usecases.world import World

__all__ = ["broker", "world"]


class SetClock(SystemClock):
    """Stands still until it is set on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic_s(self) -> float:
        return self.now_s


class Worker:
    """A worker's presence on a ledger, with a clock to set and an end to see."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = SetClock()
        self.ear = Ear(self.clock, n_slots=1)
        self.n_ends = 0
        self.presence = Presence(
            WorkerIdentity("wrk", 1, "host", ["slope.cpu"], slots=1),
            Ledger(
                world.sessions,
                Workers(world.sessions),
                world.reconciler,
                Hearing(world.sessions, world.broker),
            ),
            self.ear,
            self.end,
        )

    def end(self) -> None:
        self.n_ends += 1


@pytest.fixture
def worker(world: World) -> Worker:
    return Worker(world)


def test_a_worker_is_there_until_it_leaves_and_reconciles_meanwhile(
    world: World, worker: Worker
) -> None:
    worker.presence.arrive()
    run = world.create()
    world.claim(run.id)
    world.expire(run.id)
    worker.presence.tick()
    assert world.get(run.id).status == "queued"
    assert Workers(world.sessions).alive() == 1
    worker.presence.leave()
    assert Workers(world.sessions).alive() == 0


def test_a_worker_that_the_ledger_forgot_introduces_itself_again(
    world: World, worker: Worker
) -> None:
    worker.presence.arrive()
    Workers(world.sessions).leave("wrk")
    worker.presence.tick()
    assert Workers(world.sessions).alive() == 1


def test_a_worker_that_hears_nothing_while_messages_hang_ends(world: World, worker: Worker) -> None:
    worker.presence.arrive()
    worker.clock.now_s += DEAF_S + 1.0
    world.broker.n_hanging = 1
    for _ in range(PATIENCE_TICKS - 1):
        worker.presence.tick()
    assert worker.n_ends == 0
    worker.presence.tick()
    assert worker.n_ends == 1


def test_a_worker_that_hears_again_in_time_stays(world: World, worker: Worker) -> None:
    worker.presence.arrive()
    worker.clock.now_s += DEAF_S + 1.0
    world.broker.n_hanging = 1
    for _ in range(PATIENCE_TICKS - 1):
        worker.presence.tick()
    worker.ear.hear()
    worker.presence.tick()
    worker.clock.now_s += DEAF_S + 1.0
    for _ in range(PATIENCE_TICKS - 1):
        worker.presence.tick()
    assert worker.n_ends == 0


def test_the_ledger_knows_when_a_worker_heard(world: World, worker: Worker) -> None:
    worker.presence.arrive()
    worker.clock.now_s += 60.0
    worker.presence.tick()
    [shown] = Health(world.sessions, world.broker).status(world.project_id).workers
    assert shown.heard_at is not None
    silent_s = (shown.last_seen - shown.heard_at).total_seconds()
    assert silent_s == pytest.approx(60.0, abs=1.0)
