"""Outages: who lives can say so once the database is back; who is dead is reaped in time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from service.store.instants import db_now
from service.store.tables import PulseRow
from service.usecases import pulses
from service.usecases.outages import GRACE_S, STOOD_STILL_S, Outages
from service.usecases.reconcile import Reconciler

if TYPE_CHECKING:
    from tests.service.usecases.world import World

EVERY_S = 1.0


class HandClock:
    """Monotonic seconds, moved on by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def expired(world: World) -> str:
    """A run whose lease has expired."""
    run = world.create()
    world.claim(run.id)
    world.expire(run.id)
    return run.id


def reconciler(world: World, clock: HandClock) -> Reconciler:
    """Return the reconciler of another process, after the start of PostgreSQL is forgotten."""
    outages = Outages(world.sessions, clock, every_s=EVERY_S)
    while not outages.are_over():
        # PostgreSQL was started for these tests, perhaps a moment ago.
        time.sleep(0.1)
    return Reconciler(world.sessions, world.broker, outages)


def age(world: World, duty: str, seconds: float) -> None:
    """Let a pulse be so old."""
    with world.sessions.begin() as session:
        pulses.note(session, duty)
        session.execute(
            update(PulseRow).where(PulseRow.duty == duty).values(done_at=db_now(-seconds))
        )


def test_a_dead_worker_is_reaped_at_the_next_look(
    world: World, clock: HandClock, expired: str
) -> None:
    looking = reconciler(world, clock)
    clock.now_s += EVERY_S
    assert looking.reconcile().reaped == (expired,)


def test_nobody_reaps_while_holders_come_back_from_a_time_without_reconciling(
    world: World, clock: HandClock, expired: str
) -> None:
    first, second = reconciler(world, clock), reconciler(world, clock)
    age(world, pulses.RECONCILING, STOOD_STILL_S + 1.0)
    assert first.reconcile().reaped == ()
    # The second one sees a fresh pulse of the first, and the note beside it.
    assert second.reconcile().reaped == ()
    age(world, pulses.OUTAGE, GRACE_S)
    assert second.reconcile().reaped == (expired,)


def test_a_duty_that_is_never_done_does_not_keep_leases_for_ever(
    world: World, clock: HandClock, expired: str
) -> None:
    looking = reconciler(world, clock)
    age(world, pulses.RECONCILING, 100.0)
    age(world, pulses.OUTAGE, GRACE_S)
    assert looking.reconcile().reaped == (expired,)


def test_a_process_whose_own_looks_had_a_gap_waits(
    world: World, clock: HandClock, expired: str
) -> None:
    looking = reconciler(world, clock)
    clock.now_s += 10.0
    assert looking.reconcile().reaped == ()
    clock.now_s += EVERY_S
    assert looking.reconcile().reaped == ()
    for _ in range(3):
        clock.now_s += EVERY_S
        assert looking.reconcile().reaped == ()
    clock.now_s += EVERY_S
    assert looking.reconcile().reaped == (expired,)


def test_a_process_that_is_always_late_reaps_all_the_same(
    world: World, clock: HandClock, expired: str
) -> None:
    looking = reconciler(world, clock)
    reaped = []
    for _ in range(4):
        clock.now_s += 2 * GRACE_S
        reaped.append(looking.reconcile().reaped)
    assert reaped == [(), (), (), (expired,)]


def test_waiting_for_a_lock_is_an_outage_of_its_own(
    world: World, clock: HandClock, expired: str
) -> None:
    class Delayed(Outages):
        def is_own_over(self) -> bool:
            # The first time it is asked before the lock, then with it.
            is_over = super().is_own_over()
            clock.now_s += 10.0
            return is_over

    reconciler(world, clock)
    outages = Delayed(world.sessions, clock, every_s=EVERY_S, grace_s=GRACE_S)
    assert Reconciler(world.sessions, world.broker, outages).reconcile().reaped == ()
    assert world.row(expired).status == "running"
