"""What an owner may wish of a run, in every status that it can be found in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.errors import ConflictError
from service.usecases.claims import Outcome
from tests.service.usecases.world import progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.schemas.runs import Run
    from tests.service.usecases.world import World

DONE = Outcome(status="succeeded", stop_reason="max_epochs")
STOPPED = Outcome(status="stopped", stop_reason="user_stop")


def say(world: World, run: Run, verb: str) -> Run:
    """Say it, and look at the run again: the answer is what the ledger says."""
    said: Callable[[str, str], Run] = getattr(world.runs, verb)
    answer = said(world.project_id, run.id)
    assert answer == world.get(run.id)
    return answer


def wishes_told(world: World, run: Run) -> list[str]:
    return [event.data["code"] for event in world.story(run.id) if event.type == "log"]


def train_a_little(world: World, run: Run) -> int:
    fence = world.claim(run.id).fence
    world.leases.record(run.id, fence, progress(1, state=b"state"))
    return fence


def pause_trained(world: World) -> Run:
    run = world.create()
    fence = train_a_little(world, run)
    say(world, run, "pause")
    world.leases.pause(run.id, fence, None)
    return world.get(run.id)


def test_a_waiting_run_is_paused_at_once_and_is_rung_for_again_when_resumed(world: World) -> None:
    run = world.create()
    paused = say(world, run, "pause")
    assert (paused.status, paused.requested) == ("paused", None)
    assert say(world, run, "pause") == paused
    assert world.leases.claim(run.id, "worker") is None
    assert world.reconciler.reconcile().rung == ()
    world.broker.rung.clear()
    resumed = say(world, run, "resume")
    assert resumed.status == "queued"
    assert world.broker.rung == [run.id]
    assert say(world, run, "resume") == resumed
    assert [(change.status, change.reason) for change in resumed.status_history] == [
        ("queued", None),
        ("paused", "user_pause"),
        ("queued", "user_resume"),
    ]


def test_a_running_run_is_paused_by_its_holder_with_a_checkpoint(world: World) -> None:
    run = world.create()
    fence = train_a_little(world, run)
    asked = say(world, run, "pause")
    assert (asked.status, asked.requested) == ("running", "pause")
    assert say(world, run, "pause") == asked
    assert wishes_told(world, run) == ["user_pause"]
    assert world.leases.heartbeat(run.id, fence).requested == "pause"
    world.leases.pause(run.id, fence, progress(2, state=b"later state"))
    paused = world.get(run.id)
    assert (paused.status, paused.requested, paused.progress.epoch) == ("paused", None, 2)
    say(world, run, "resume")
    claim = world.claim(run.id)
    assert claim.checkpoint is not None
    assert (claim.checkpoint.state, claim.requested) == (b"later state", None)
    assert claim.fence > fence
    assert world.row(run.id).crashes_total == 0


def test_a_wish_to_pause_can_be_taken_back(world: World) -> None:
    run = world.create()
    fence = train_a_little(world, run)
    say(world, run, "pause")
    assert say(world, run, "resume").requested is None
    assert wishes_told(world, run) == ["user_pause", "user_resume"]
    # The holder was about to pause and learns of it too late: the run goes on by the queue.
    world.leases.pause(run.id, fence, None)
    assert world.get(run.id).status == "queued"


def test_a_run_that_has_learned_something_is_stopped_with_its_model(world: World) -> None:
    run = world.create()
    fence = train_a_little(world, run)
    asked = say(world, run, "stop")
    assert (asked.status, asked.requested) == ("running", "stop")
    world.leases.finish(run.id, fence, STOPPED)
    stopped = say(world, run, "stop")
    assert (stopped.status, stopped.stop_reason) == ("stopped", "user_stop")


def test_a_waiting_run_that_has_learned_something_waits_for_a_worker_to_stop_it(
    world: World,
) -> None:
    run = world.create()
    fence = train_a_little(world, run)
    world.leases.release(run.id, fence, None)
    asked = say(world, run, "stop")
    assert (asked.status, asked.requested) == ("queued", "stop")
    claim = world.claim(run.id)
    assert claim.requested == "stop"
    assert world.leases.heartbeat(run.id, claim.fence).requested == "stop"


def test_a_paused_run_that_has_learned_something_is_queued_to_be_stopped(world: World) -> None:
    run = pause_trained(world)
    world.broker.rung.clear()
    asked = say(world, run, "stop")
    assert (asked.status, asked.requested) == ("queued", "stop")
    assert asked.status_history[-1].reason == "user_stop"
    assert world.broker.rung == [run.id]


@pytest.mark.parametrize("before", [[], ["pause"]], ids=["queued", "paused"])
def test_a_run_that_has_learned_nothing_is_stopped_without_a_model(
    world: World, before: list[str]
) -> None:
    run = world.create()
    for verb in before:
        say(world, run, verb)
    stopped = say(world, run, "stop")
    assert (stopped.status, stopped.stop_reason) == ("cancelled", "user_stop")
    assert say(world, run, "stop") == stopped


def test_a_paused_run_is_cancelled_and_keeps_its_checkpoint(world: World) -> None:
    run = pause_trained(world)
    cancelled = say(world, run, "cancel")
    assert (cancelled.status, cancelled.stop_reason) == ("cancelled", "user_cancel")
    assert world.runs.checkpoints(world.project_id, run.id).data


@pytest.mark.parametrize(
    ("first", "then", "left"),
    [
        ("pause", "stop", "stop"),
        ("pause", "cancel", "cancel"),
        ("stop", "cancel", "cancel"),
        ("stop", "pause", None),
        ("cancel", "pause", None),
        ("cancel", "stop", None),
    ],
)
def test_a_stronger_wish_replaces_a_weaker_one_and_not_the_other_way(
    world: World, first: str, then: str, left: str | None
) -> None:
    run = world.create()
    train_a_little(world, run)
    say(world, run, first)
    if left is not None:
        assert say(world, run, then).requested == left
        return
    with pytest.raises(ConflictError, match=f"conflict: The run is about to {first}"):
        say(world, run, then)
    assert world.get(run.id).requested == first


def test_a_wish_to_stop_that_waits_cannot_become_a_pause(world: World) -> None:
    run = pause_trained(world)
    say(world, run, "stop")
    with pytest.raises(ConflictError, match="conflict"):
        say(world, run, "pause")
    assert say(world, run, "resume").requested == "stop"
    assert say(world, run, "cancel").status == "cancelled"


@pytest.mark.parametrize("verb", ["pause", "resume", "stop", "cancel"])
def test_what_has_ended_otherwise_hears_no_wish(world: World, verb: str) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    world.leases.finish(run.id, fence, DONE)
    with pytest.raises(ConflictError, match="run_finished"):
        say(world, run, verb)


@pytest.mark.parametrize(
    ("wished", "status"),
    [("cancel", "cancelled"), ("stop", "queued"), ("pause", "paused"), (None, "queued")],
)
@pytest.mark.parametrize("how", ["pause", "release", "lost"])
def test_a_run_goes_where_its_owner_wished_however_its_holder_left_it(
    world: World, wished: str | None, status: str, how: str
) -> None:
    run = world.create()
    fence = train_a_little(world, run)
    if wished is not None:
        say(world, run, wished)
    if how == "lost":
        world.expire(run.id)
        world.reconciler.reconcile()
    else:
        getattr(world.leases, how)(run.id, fence, progress(2, state=b"last"))
    left = world.get(run.id)
    assert left.status == status
    assert left.requested == ("stop" if wished == "stop" else None)
    assert world.row(run.id).fence > fence
    assert world.row(run.id).crashes_total == (1 if how == "lost" else 0)


def test_a_paused_run_whose_worker_was_lost_too_often_fails(world: World) -> None:
    run = world.create()
    for _ in range(4):
        train_a_little(world, run)
        world.expire(run.id)
        world.reconciler.reconcile()
        world.shift(run.id, available_at=0.0)
    train_a_little(world, run)
    say(world, run, "pause")
    world.expire(run.id)
    world.reconciler.reconcile()
    # The first of the five attempts made progress, the others repeated it.
    assert (world.get(run.id).status, world.row(run.id).crashes_since_progress) == ("failed", 5)


def test_the_next_of_a_projects_runs_is_that_of_the_highest_priority(world: World) -> None:
    world.broker.is_away = True
    usual = [world.create() for _ in range(2)]
    urgent = world.create(priority=100)
    idle = world.create(priority=-100)
    assert (urgent.priority, usual[0].priority) == (100, 0)
    world.broker.is_away = False
    rung = list(world.reconciler.reconcile().rung)
    rung += [run_id for run_id in [usual[1].id, idle.id] if run_id not in rung]
    assert rung == [urgent.id, usual[0].id, usual[1].id, idle.id]
