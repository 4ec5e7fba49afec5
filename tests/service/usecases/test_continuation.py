"""Runs that begin with a checkpoint: what they take over, what they may change, what they keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.errors import InvalidRequestError, NotFoundError
from service.schemas.runs import ParentWish
from service.store.tables import BlobChunkRow, RunRow
from service.usecases import parents
from service.usecases.claims import (
    NewCheckpoint,
    Outcome,
    ProgressPart,
)
from service.usecases.continuation import begin_with
from tests.service.usecases.parentage import NETWORK, WEIGHTS, WISH, begin, checkpoint_of
from tests.service.usecases.world import progress

if TYPE_CHECKING:
    from service.schemas.runs import Run
    from tests.service.usecases.world import World


def more(epochs: int = 20, **training: Any) -> dict[str, Any]:
    return {"training": {"epochs": epochs, **training}}


def test_what_is_left_out_is_as_it_was_in_the_parent(world: World, parent: Run) -> None:
    child = begin(world, checkpoint_of(world, parent, "final"), **more())
    ours, theirs = child.spec.model_dump(), parent.spec.model_dump()
    assert ours.pop("parent") == {
        "run_id": parent.id,
        "checkpoint_id": checkpoint_of(world, parent, "final"),
        "mode": "continue",
    }
    assert theirs.pop("parent") is None
    assert (ours["training"]["epochs"], theirs["training"]["epochs"]) == (20, 10)
    theirs["training"]["epochs"] = 20
    assert ours == theirs
    assert child.spec.training.checkpoint_every == 2
    assert child.priority == 3
    assert child.parent == child.spec.parent


def test_curve_steps_and_time_go_on_from_where_the_state_stands(world: World, parent: Run) -> None:
    # The weights of the last checkpoint are those of the best epoch, its state is at the end.
    child = begin(world, checkpoint_of(world, parent, "final"), **more())
    assert (child.progress.epoch, child.progress.step, child.progress.epochs) == (10, 100, 20)
    curve = world.runs.metrics(world.project_id, child.id)
    assert curve == world.runs.metrics(world.project_id, parent.id)
    assert child.metrics == parent.metrics
    claim = world.claim(child.id)
    assert claim.trained_seconds == 1.0
    assert claim.parent is not None
    assert (claim.parent.mode, claim.parent.epoch, claim.parent.step) == ("continue", 10, 100)
    assert claim.parent.state == b"the end"
    assert claim.numerics == {"engine": "1"}
    assert claim.checkpoint is None


def test_an_earlier_checkpoint_takes_the_curve_up_to_there(world: World, parent: Run) -> None:
    child = begin(world, checkpoint_of(world, parent, "periodic", 9), **more())
    assert world.runs.metrics(world.project_id, child.id).epochs == list(range(1, 10))
    claim = world.claim(child.id)
    assert claim.parent is not None
    assert (claim.parent.epoch, claim.parent.step, claim.parent.state) == (9, 90, b"state 9")
    assert claim.trained_seconds == pytest.approx(0.9)


def test_the_very_beginning_is_made_from_the_seed_again(world: World, parent: Run) -> None:
    child = begin(world, checkpoint_of(world, parent, "initial"))
    claim = world.claim(child.id)
    assert claim.parent is not None
    assert (claim.parent.epoch, claim.parent.state, claim.parent.weights) == (0, None, WEIGHTS)
    assert world.runs.metrics(world.project_id, child.id).epochs == []


def test_a_child_needs_its_parent_no_more(world: World, parent: Run) -> None:
    child = begin(world, checkpoint_of(world, parent, "final"), **more())
    world.runs.delete(world.project_id, parent.id)
    with world.sessions.begin() as session:
        world.blobs.delete_unreferenced(session, older_than_s=-1.0)
    claim = world.claim(child.id)
    assert claim.parent is not None
    assert claim.parent.state == b"the end"
    # What holds on to the parent's bytes is no checkpoint of its own.
    assert world.runs.checkpoints(world.project_id, child.id).data == []


def test_a_parent_deleted_before_its_curve_was_taken_over_is_not_found(
    world: World, parent: Run
) -> None:
    wish = ParentWish(checkpoint_id=checkpoint_of(world, parent, "final"), mode="continue")
    with world.sessions.read() as session:
        planned = begin_with(session, world.project_id, wish)
    child = world.create()
    world.runs.delete(world.project_id, parent.id)
    with pytest.raises(NotFoundError), world.sessions.begin() as session:
        parents.begin(session, world.blobs, session.get_one(RunRow, child.id), planned)


def test_a_child_with_a_state_of_its_own_goes_on_from_that(world: World, parent: Run) -> None:
    child = begin(world, checkpoint_of(world, parent, "final"), **more())
    fence = world.claim(child.id).fence
    for epoch in range(11, 15):
        world.leases.record(child.id, fence, progress(epoch, state=b"state %d" % epoch))
    world.leases.release(child.id, fence, None)
    claim = world.claim(child.id)
    assert claim.checkpoint is not None
    assert (claim.checkpoint.state, claim.parent) == (b"state 14", None)


def test_a_child_whose_beginning_has_rotted_is_told_so(world: World, parent: Run) -> None:
    child = begin(world, checkpoint_of(world, parent, "final"), **more())
    with world.sessions.begin() as session:
        for chunk in session.query(BlobChunkRow).where(BlobChunkRow.data == b"the end"):
            chunk.data = b"the rot"
    claim = world.claim(child.id)
    assert (claim.parent, claim.checkpoint, claim.checkpoint_lost) == (None, None, True)


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"epochs": 20, "optimizer": {"type": "sgd", "learning_rate": 0.01}}},
        {"training": {"epochs": 20, "optimizer": {"type": "sgd", "momentum": 0.9}}},
        {"training": {"epochs": 20, "schedule": {"type": "cosine"}}},
        {"training": {"epochs": 20, "early_stopping": {"patience": 3}}},
        {"training": {"epochs": 20, "clip_norm": 1.0, "clip_value": 0.5}},
        {"training": {"epochs": 20, "checkpoint_every": 5}},
        {"training": {"epochs": 20}, "budget": {"epochs": 15}},
        {"training": {"epochs": 20}, "model": None, "labels": {}, "priority": -1},
        # Said again, it is as it was.
        {"training": {"epochs": 20, "batch_size": 5}, "network": NETWORK, "seed": 7},
    ],
)
def test_what_does_not_change_the_training_itself_may_change(
    world: World, parent: Run, change: dict[str, Any]
) -> None:
    child = begin(world, checkpoint_of(world, parent, "final"), **change)
    assert child.spec.network == parent.spec.network
    assert child.spec.recipe == parent.spec.recipe


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"target": "x"}, "/target"),
        ({"task": "binary"}, "/task"),
        ({"seed": 8}, "/seed"),
        ({"preprocessing": "none"}, "/preprocessing"),
        ({"split": {"validation": 0.2}}, "/split/validation"),
        ({"network": {"layers": [{"type": "dense", "units": 3}]}}, "/network"),
        ({"training": {"epochs": 20, "batch_size": 6}}, "/training/batch_size"),
        ({"training": {"epochs": 20, "loss": {"type": "mae"}}}, "/training/loss"),
        ({"training": {"epochs": 20, "precision": "float64"}}, "/training/precision"),
        ({"training": {"epochs": 20, "shuffle": False}}, "/training/shuffle"),
        ({"training": {"epochs": 20, "ema_decay": 0.9}}, "/training/ema_decay"),
        ({"training": {"epochs": 20, "optimizer": {"type": "adam"}}}, "/training/optimizer/type"),
    ],
)
def test_what_makes_it_another_training_is_refused_where_it_stands(
    world: World, parent: Run, change: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        begin(world, checkpoint_of(world, parent, "final"), **more() | change)
    assert [(p.code, p.pointer) for p in caught.value.problems] == [("continue_mismatch", pointer)]
    assert "warm_start" in caught.value.detail


@pytest.mark.parametrize(
    ("change", "pointer", "limit"),
    [
        ({}, "/training/epochs", 10),
        (more(10), "/training/epochs", 10),
        (more() | {"budget": {"epochs": 10}}, "/budget/epochs", 10),
        (more() | {"budget": {"seconds": 0.5}}, "/budget/seconds", 1.0),
    ],
)
def test_a_training_that_has_had_all_it_may_have_is_not_continued(
    world: World, parent: Run, change: dict[str, Any], pointer: str, limit: float
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        begin(world, checkpoint_of(world, parent, "final"), **change)
    [problem] = caught.value.problems
    assert (problem.code, problem.pointer, problem.limit) == ("out_of_range", pointer, limit)


def test_weights_without_a_state_can_only_be_started_from(world: World) -> None:
    run = world.create(**WISH)
    fence = world.claim(run.id).fence
    final = NewCheckpoint(kind="final", epoch=3, step=30, weights=WEIGHTS)
    last = ProgressPart(epoch=3, step=30, trained_seconds=1.0, checkpoint=final)
    diverged = Outcome(status="failed", stop_reason="diverged", error="It diverged.", last=last)
    world.leases.finish(run.id, fence, diverged)
    checkpoint_id = checkpoint_of(world, run, "final")
    with pytest.raises(InvalidRequestError, match="no_state"):
        begin(world, checkpoint_id)
    child = begin(world, checkpoint_id, "warm_start")
    assert (child.progress.epoch, child.progress.step) == (0, 0)
