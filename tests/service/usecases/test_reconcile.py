"""Reconciliation: what was lost comes back, in time and in turn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from service.usecases import bells
from service.usecases.bells import ONCE_MORE_S
from service.usecases.reconcile import CRASH_BUDGET
from tests.service.usecases.world import progress

if TYPE_CHECKING:
    from tests.service.usecases.world import World


def crash(world: World, run_id: str) -> None:
    """Claim a run, fall silent, be reaped; the run can be claimed again at once."""
    world.shift(run_id, available_at=0.0)
    world.claim(run_id)
    world.expire(run_id)
    assert world.reconciler.reconcile().reaped == (run_id,)


def test_a_run_whose_worker_fell_silent_waits_again(world: World) -> None:
    run = world.create()
    crash(world, run.id)
    row = world.row(run.id)
    assert (row.status, row.lease_owner, row.crashes_total) == ("queued", None, 1)
    # The first time it is back at once, so that one crash costs little more than its lease.
    assert 0.0 < (row.available_at - row.created_at).total_seconds() < 2.0
    assert [event.type for event in world.story(run.id)][-2:] == [
        "worker.lost",
        "run.status_changed",
    ]
    assert world.story(run.id)[-1].data["reason"] == "worker_lost"


def test_a_live_run_is_left_alone(world: World) -> None:
    run = world.create()
    world.claim(run.id)
    assert world.reconciler.reconcile().reaped == ()
    assert world.get(run.id).status == "running"


def test_every_crash_without_progress_waits_longer_than_the_one_before(world: World) -> None:
    run = world.create()
    waits = []
    for _ in range(CRASH_BUDGET - 1):
        crash(world, run.id)
        row = world.row(run.id)
        lost = world.story(run.id)[-1].created_at
        waits.append(round((row.available_at - lost).total_seconds()))
    assert waits == [0, 1, 3, 7]


def test_a_run_that_only_crashes_fails(world: World) -> None:
    run = world.create()
    for _ in range(CRASH_BUDGET):
        crash(world, run.id)
    shown = world.get(run.id)
    assert (shown.status, shown.stop_reason) == ("failed", "worker_crashed")
    assert shown.error is not None
    assert shown.attempt == CRASH_BUDGET
    assert world.story(run.id)[-1].data["to"] == "failed"


def test_progress_renews_the_crash_budget_and_repetition_does_not(world: World) -> None:
    run = world.create()
    crash(world, run.id)
    world.shift(run.id, available_at=0.0)
    claim = world.claim(run.id)
    world.leases.record(run.id, claim.fence, progress(1))
    assert world.row(run.id).crashes_since_progress == 0
    world.expire(run.id)
    world.reconciler.reconcile()
    world.shift(run.id, available_at=0.0)
    claim = world.claim(run.id)
    world.leases.record(run.id, claim.fence, progress(1))
    assert world.row(run.id).crashes_since_progress == 1


def test_every_fold_renews_the_crash_budget(world: World) -> None:
    run = world.create(split={"folds": 4})
    counted = []
    for folds_done in (None, 0, 1, 1, 0, 2):
        crash(world, run.id)
        world.shift(run.id, available_at=0.0)
        fence = world.claim(run.id).fence
        world.leases.record(run.id, fence, replace(progress(2), folds_done=folds_done))
        counted.append(world.row(run.id).crashes_since_progress)
        world.leases.release(run.id, fence, progress(2))
    assert counted == [0, 0, 0, 1, 2, 0]
    shown = world.get(run.id).progress
    assert (shown.folds, shown.folds_done, shown.fraction) == (4, 2, 3 / 5)


def test_a_cancelled_run_whose_worker_is_lost_is_cancelled(world: World) -> None:
    run = world.create()
    world.claim(run.id)
    world.runs.cancel(world.project_id, run.id)
    world.expire(run.id)
    world.reconciler.reconcile()
    shown = world.get(run.id)
    assert (shown.status, shown.stop_reason, shown.requested) == ("cancelled", "user_cancel", None)


@pytest.mark.parametrize("is_running", [False, True])
def test_a_run_past_its_deadline_fails(world: World, is_running: bool) -> None:
    run = world.create()
    if is_running:
        world.claim(run.id)
        world.expire(run.id)
    world.shift(run.id, deadline_at=-1.0)
    world.reconciler.reconcile()
    shown = world.get(run.id)
    assert (shown.status, shown.stop_reason) == ("failed", "deadline_exceeded")
    assert world.leases.claim(run.id, "worker") is None


def test_creating_rings_at_once_and_reconciling_not_again(world: World) -> None:
    run = world.create()
    assert world.broker.rung == [run.id]
    assert world.reconciler.reconcile().rung == ()


def test_a_bell_nobody_answered_is_rung_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bells, "ONCE_MORE_S", ONCE_MORE_S)
    run = world.create()
    rung = (run.id,)
    # Soon after the first one, which may never have been rung.
    silences = ((0.5, ()), (1.1, rung), (29.0, ()), (31.0, rung), (59.0, ()), (61.0, rung))
    for silence_s, expected in silences:
        world.shift(run.id, dispatched_at=-silence_s)
        assert world.reconciler.reconcile().rung == expected


def test_a_run_is_accepted_while_the_broker_is_away_and_rung_for_later(world: World) -> None:
    world.broker.is_away = True
    run = world.create()
    assert world.reconciler.reconcile().rung == ()
    world.broker.is_away = False
    assert world.reconciler.reconcile().rung == (run.id,)


def test_a_broker_that_lost_its_data_is_given_all_bells_again(world: World) -> None:
    waiting = [world.create().id, world.create().id]
    world.broker.lose_data()
    assert set(world.reconciler.reconcile().rung) == set(waiting)
    assert world.reconciler.reconcile().rung == ()
