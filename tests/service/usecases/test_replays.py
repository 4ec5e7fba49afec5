"""Runs that are done again: what they are given, and how they are compared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from service.errors import ConflictError, InvalidRequestError, NotFoundError
from service.ids import new_id
from service.schemas.runs import ReplayWish
from service.store.tables import EpochRow
from service.usecases.claims import (
    EpochMetrics,
    ModelParts,
    NewCheckpoint,
    Outcome,
    ProgressPart,
)
from tests.service.usecases.world import progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.schemas.runs import Run, StopReason
    from tests.service.usecases.world import World

EPOCHS = 3
MODEL = ModelParts(
    data=b"model",
    target="y",
    task="regression",
    features=(("x", "numeric"),),
    classes=None,
    parameters=2,
    metrics={},
)
SHA256 = "a" * 64
NUMERICS = {"engine": "1"}


def train(
    world: World,
    run: Run,
    *,
    first: int = 1,
    epochs: int = EPOCHS,
    odd: Mapping[int, float] = {},
    sha256: str | None = SHA256,
    reason: StopReason = "max_epochs",
    numerics: Mapping[str, Any] = NUMERICS,
) -> Run:
    """Train as a worker does, ten steps an epoch; `odd` are losses that come out otherwise."""
    fence = world.claim(run.id).fence
    begun = ProgressPart(epoch=first - 1, step=0, trained_seconds=0.0, numerics=numerics)
    world.leases.record(run.id, fence, begun)
    for epoch in range(first, epochs + 1):
        part = progress(
            epoch,
            state=b"state %d" % epoch,
            metrics={"train_loss": odd.get(epoch, 1.0 / epoch), "val_loss": 0.5},
        )
        world.leases.record(run.id, fence, part)
    if reason == "diverged":
        outcome = Outcome(status="failed", stop_reason=reason, error="It diverged.")
    else:
        outcome = Outcome(
            status="succeeded", stop_reason=reason, model=MODEL, weights_sha256=sha256
        )
    world.leases.finish(run.id, fence, outcome)
    return world.get(run.id)


def replay(world: World, run: Run, start: str = "start") -> Run:
    wish = ReplayWish.model_validate_json(json.dumps({"from": start}))
    return world.runs.replay(world.project_id, run.id, wish)


def codes(world: World, run: Run) -> list[str]:
    return [event.data["code"] for event in world.story(run.id) if event.type == "log"]


def test_a_repetition_is_the_same_run_without_a_model(world: World) -> None:
    wish: dict[str, Any] = {"model": "line", "priority": 5, "seed": 3, "labels": {"team": "x"}}
    original = train(world, world.create(**wish, budget={"seconds": 9.0}))
    again = replay(world, original)
    assert (again.status, again.replay_of, again.priority) == ("queued", original.id, 5)
    ours, theirs = again.spec.model_dump(), original.spec.model_dump()
    assert (ours.pop("model"), theirs.pop("model")) == (None, "line")
    # However fast it is computed: it ends with the epoch that the first one ended with.
    assert ours.pop("budget") == {"seconds": None, "epochs": EPOCHS}
    theirs.pop("budget")
    assert ours == theirs
    ended = train(world, again, reason="budget")
    assert (ended.status, ended.model_id, ended.weights_sha256) == ("succeeded", None, SHA256)
    assert world.get(original.id) == original


def test_equal_bits_are_called_identical(world: World) -> None:
    original = train(world, world.create())
    again = replay(world, original)
    assert again.replay is not None
    assert (again.replay.identical, again.replay.reason) == (None, None)
    found = train(world, again).replay
    assert found is not None
    assert (found.of, found.checkpoint_id) == (original.id, None)
    assert (found.identical, found.first_difference, found.reason) == (True, None, None)
    assert codes(world, again) == ["replay_identical"]
    assert world.story(again.id)[-1].data["to"] == "succeeded"


def test_the_first_difference_is_named_with_its_steps(world: World) -> None:
    original = train(world, world.create())
    again = train(world, replay(world, original), odd={2: 0.5 + 2**-53, 3: 7.0}, sha256="b" * 64)
    found = again.replay
    assert found is not None
    assert found.identical is False
    assert found.first_difference is not None
    assert found.first_difference.model_dump() == {
        "epoch": 2,
        "step": 20,
        "last_equal_step": 10,
        "name": "train_loss",
        "recorded": 0.5,
        "replayed": 0.5 + 2**-53,
    }
    assert codes(world, again) == ["replay_differs"]


def test_a_value_that_is_not_finite_is_equal_to_itself_alone(world: World) -> None:
    nan, infinity = float("nan"), float("inf")
    original = train(world, world.create(), odd={1: nan, 2: infinity})
    same = train(world, replay(world, original), odd={1: nan, 2: infinity}).replay
    other = train(world, replay(world, original), odd={1: nan, 2: -infinity}).replay
    assert same is not None
    assert same.identical
    assert other is not None
    assert other.first_difference is not None
    difference = other.first_difference
    assert (difference.recorded, difference.replayed) == ("inf", "-inf")


def test_what_was_recorded_and_changed_since_is_named(world: World) -> None:
    original = train(world, world.create())
    tampered = json.dumps({"train_loss": 1.0, "val_loss": 0.25})
    with world.sessions.begin() as session:
        mine = (EpochRow.run_id == original.id, EpochRow.epoch == 1)
        session.execute(update(EpochRow).where(*mine).values(metrics=tampered))
    found = train(world, replay(world, original)).replay
    assert found is not None
    assert found.first_difference is not None
    difference = found.first_difference
    assert (difference.epoch, difference.last_equal_step, difference.name) == (1, 0, "val_loss")
    assert (difference.recorded, difference.replayed) == (0.25, 0.5)


def test_weights_can_differ_where_no_metric_does(world: World) -> None:
    original = train(world, world.create())
    found = train(world, replay(world, original), sha256="b" * 64).replay
    assert found is not None
    assert found.first_difference is not None
    difference = found.first_difference
    assert (difference.name, difference.epoch) == ("weights_sha256", EPOCHS)
    assert (difference.recorded, difference.replayed) == (SHA256, "b" * 64)


def test_other_numerics_are_said_to_be_the_reason(world: World) -> None:
    original = train(world, world.create())
    found = train(world, replay(world, original), odd={1: 2.0}, numerics={"engine": "2"}).replay
    assert found is not None
    assert found.identical is False
    assert found.reason is not None
    assert "other numerics" in found.reason


def test_a_repetition_from_a_checkpoint_is_compared_behind_it(world: World) -> None:
    original = train(world, world.create())
    listed = world.runs.checkpoints(world.project_id, original.id).data
    [second] = [c.id for c in listed if c.epoch == 2]
    again = replay(world, original, second)
    assert again.progress.epoch == 2
    assert again.parent is not None
    assert (again.parent.run_id, again.parent.mode) == (original.id, "continue")
    found = train(world, again, first=3, odd={3: 7.0}).replay
    assert found is not None
    assert found.checkpoint_id == second
    assert found.first_difference is not None
    assert (found.first_difference.epoch, found.first_difference.last_equal_step) == (3, 20)


def test_there_must_be_something_behind_the_checkpoint(world: World) -> None:
    original = train(world, world.create())
    listed = world.runs.checkpoints(world.project_id, original.id).data
    [last] = [c.id for c in listed if c.epoch == EPOCHS]
    with pytest.raises(InvalidRequestError, match="out_of_range"):
        replay(world, original, last)
    other = train(world, world.create())
    for unknown in (new_id("ckpt"), world.runs.checkpoints(world.project_id, other.id).data[0].id):
        with pytest.raises(NotFoundError):
            replay(world, original, unknown)


def test_a_child_is_repeated_from_where_it_began(world: World) -> None:
    parent = train(world, world.create())
    listed = world.runs.checkpoints(world.project_id, parent.id).data
    [second] = [c.id for c in listed if c.epoch == 2]
    wish = {"checkpoint_id": second, "mode": "continue"}
    child = train(world, world.create(parent=wish), first=3, epochs=5)
    world.runs.delete(world.project_id, parent.id)
    again = replay(world, child)
    assert (again.parent, again.progress.epoch) == (child.parent, 2)
    claim = world.leases.claim(again.id, "worker")
    assert claim is not None
    assert claim.parent is not None
    assert claim.parent.state == b"state 2"


def test_what_diverged_is_repeated_until_it_does_so_again(world: World) -> None:
    original = train(world, world.create(), reason="diverged")
    again = replay(world, original)
    assert again.spec.budget.epochs is None
    found = train(world, again, reason="diverged").replay
    assert found is not None
    assert found.identical
    survived = train(world, replay(world, original)).replay
    assert survived is not None
    assert survived.identical is not True


@pytest.mark.parametrize("by", ["holder", "owner"])
def test_a_repetition_that_ends_early_proves_nothing(world: World, by: str) -> None:
    original = train(world, world.create())
    again = replay(world, original)
    if by == "holder":
        fence = world.claim(again.id).fence
        cancelled = Outcome(status="cancelled", stop_reason="user_cancel")
        world.leases.finish(again.id, fence, cancelled)
    else:
        world.runs.cancel(world.project_id, again.id)
    found = world.get(again.id).replay
    assert found is not None
    assert (found.identical, found.first_difference) == (None, None)
    assert found.reason


def test_a_deleted_original_cannot_be_compared_with(world: World) -> None:
    original = train(world, world.create())
    again = replay(world, original)
    world.runs.delete(world.project_id, original.id)
    found = train(world, again).replay
    assert found is not None
    assert found.identical is None
    assert found.reason == "The run that it repeats was deleted."


def test_only_what_has_ended_and_has_epochs_is_repeated(world: World) -> None:
    run = world.create()
    with pytest.raises(ConflictError, match="run_not_finished"):
        replay(world, run)
    world.runs.cancel(world.project_id, run.id)
    with pytest.raises(ConflictError, match="nothing_to_replay"):
        replay(world, run)


def test_a_final_state_is_no_place_to_repeat_from(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    metrics = EpochMetrics(2, {"train_loss": 1.0})
    final = NewCheckpoint(kind="final", epoch=1, step=20, state=b"end", weights=b"best")
    last = ProgressPart(epoch=2, step=20, trained_seconds=1.0, epochs=(metrics,), checkpoint=final)
    outcome = Outcome(status="succeeded", stop_reason="early_stopping", last=last)
    world.leases.finish(run.id, fence, outcome)
    [checkpoint] = world.runs.checkpoints(world.project_id, run.id).data
    assert checkpoint.epoch == 1
    with pytest.raises(InvalidRequestError, match="out_of_range"):
        replay(world, world.get(run.id), checkpoint.id)
