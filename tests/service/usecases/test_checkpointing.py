"""Checkpoints: few are kept, and a run goes on from the last one that is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, update

from service.errors import CheckpointCorruptError
from service.store.tables import BlobChunkRow, CheckpointRow
from service.usecases.claims import NewCheckpoint, ProgressPart
from tests.service.usecases.world import progress

if TYPE_CHECKING:
    from tests.service.usecases.world import World


def test_few_checkpoints_are_kept_and_the_right_ones(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    first = NewCheckpoint(kind="initial", epoch=0, step=0, weights=b"weights 0")
    start = ProgressPart(epoch=0, step=0, trained_seconds=0.0, checkpoint=first)
    world.leases.record(run.id, fence, start)
    for epoch in range(1, 7):
        saved = NewCheckpoint(
            kind="periodic",
            epoch=epoch,
            step=epoch,
            state=f"state {epoch}".encode(),
            is_best=epoch in (2, 3),
        )
        part = ProgressPart(epoch=epoch, step=epoch, trained_seconds=1.0, checkpoint=saved)
        world.leases.record(run.id, fence, part)
    kept = world.runs.checkpoints(world.project_id, run.id).data
    assert sorted(checkpoint.epoch for checkpoint in kept) == [0, 3, 5, 6]
    [initial] = [checkpoint for checkpoint in kept if checkpoint.kind == "initial"]
    assert world.runs.checkpoint_weights(world.project_id, initial.id) == b"weights 0"
    final = NewCheckpoint(kind="final", epoch=3, step=7, state=b"end", weights=b"3", is_best=True)
    last = ProgressPart(epoch=7, step=7, trained_seconds=1.0, checkpoint=final)
    world.leases.record(run.id, fence, last)
    kept = world.runs.checkpoints(world.project_id, run.id).data
    assert sorted((checkpoint.step, checkpoint.kind) for checkpoint in kept) == [
        (0, "initial"), (6, "periodic"), (7, "final"),
    ]  # fmt: skip


def test_the_best_may_be_the_last_and_the_end_may_have_no_state(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    for epoch in range(1, 5):
        world.leases.record(run.id, fence, _saved(epoch, is_best=True))
    assert _kept(world, run.id) == [(4, "periodic"), (3, "periodic")]
    diverged = NewCheckpoint(kind="final", epoch=4, step=5, weights=b"the last finite ones")
    last = ProgressPart(epoch=4, step=5, trained_seconds=1.0, checkpoint=diverged)
    world.leases.record(run.id, fence, last)
    assert _kept(world, run.id) == [(5, "final"), (4, "periodic"), (3, "periodic")]


def test_the_next_attempt_goes_on_from_the_last_checkpoint(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    world.leases.record(run.id, fence, progress(1, state=b"state 1"))
    world.leases.record(run.id, fence, progress(2, state=b"state 2"))
    world.leases.record(run.id, fence, progress(3))
    world.expire(run.id)
    world.reconciler.reconcile()
    world.shift(run.id, available_at=0.0)
    claim = world.claim(run.id)
    assert claim.checkpoint is not None
    assert (claim.checkpoint.state, claim.checkpoint.step) == (b"state 2", 20)
    assert (claim.attempt, claim.has_initial_weights) == (2, False)


def test_a_corrupt_checkpoint_gives_way_to_the_one_before(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    world.leases.record(run.id, fence, progress(1, state=b"state 1"))
    world.leases.record(run.id, fence, progress(2, state=b"state 2"))
    world.leases.release(run.id, fence, None)
    with world.sessions.begin() as session:
        rotten = select(CheckpointRow.state_sha256).where(CheckpointRow.step == 20)
        where = BlobChunkRow.sha256 == rotten.scalar_subquery()
        session.execute(update(BlobChunkRow).where(where).values(data=b"state X"))
    claim = world.claim(run.id)
    assert claim.checkpoint is not None
    assert claim.checkpoint.state == b"state 1"
    assert world.story(run.id)[-1].data["code"] == "checkpoint_corrupt"
    world.leases.record(run.id, claim.fence, progress(2, state=b"state 2"))
    world.leases.release(run.id, claim.fence, None)
    mended = world.claim(run.id).checkpoint
    assert mended is not None
    assert mended.state == b"state 2"


def test_one_state_after_another_gives_way_down_to_the_weights_of_epoch_0(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    first = NewCheckpoint(kind="initial", epoch=0, step=0, weights=b"weights 0")
    start = ProgressPart(epoch=0, step=0, trained_seconds=0.0, checkpoint=first)
    world.leases.record(run.id, fence, start)
    for epoch in range(1, 5):
        world.leases.record(run.id, fence, _saved(epoch, is_best=epoch == 1))
    for state in (b"state 4", b"state 3", b"state 1", None):
        world.leases.release(run.id, fence, None)
        claim = world.claim(run.id)
        fence = claim.fence
        assert (None if claim.checkpoint is None else claim.checkpoint.state) == state
        assert not claim.checkpoint_lost
        if claim.checkpoint is not None:
            _rot(world, claim.checkpoint.id)
    assert claim.initial_weights == b"weights 0"
    told = [event.data["step"] for event in world.story(run.id) if event.type == "log"]
    assert told == [4, 3, 1]


def test_a_run_that_lost_everything_is_known_to_have_had_something(world: World) -> None:
    run = world.create()
    claim = world.claim(run.id)
    assert (claim.checkpoint_lost, claim.initial_weights) == (False, None)
    first = NewCheckpoint(kind="initial", epoch=0, step=0, weights=b"weights 0")
    start = ProgressPart(epoch=0, step=0, trained_seconds=0.0, checkpoint=first)
    world.leases.record(run.id, claim.fence, start)
    world.leases.record(run.id, claim.fence, _saved(1))
    for checkpoint in world.runs.checkpoints(world.project_id, run.id).data:
        _rot(world, checkpoint.id)
    world.leases.release(run.id, claim.fence, None)
    # Nor does the next attempt begin anew, where the first died before it could say so.
    for _ in range(2):
        claim = world.claim(run.id)
        assert claim.checkpoint_lost
        assert (claim.checkpoint, claim.initial_weights) == (None, None)
        world.leases.release(run.id, claim.fence, None)


def test_weights_that_have_rotted_are_not_given_out(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    first = NewCheckpoint(kind="initial", epoch=0, step=0, weights=b"weights 0")
    start = ProgressPart(epoch=0, step=0, trained_seconds=0.0, checkpoint=first)
    world.leases.record(run.id, fence, start)
    world.leases.record(run.id, fence, _saved(1))
    for checkpoint in world.runs.checkpoints(world.project_id, run.id).data:
        _rot(world, checkpoint.id)
        with pytest.raises(CheckpointCorruptError):
            world.runs.checkpoint_weights(world.project_id, checkpoint.id)


def _saved(epoch: int, *, is_best: bool = False) -> ProgressPart:
    """An epoch of one step, saved."""
    state = f"state {epoch}".encode()
    saved = NewCheckpoint(kind="periodic", epoch=epoch, step=epoch, state=state, is_best=is_best)
    return ProgressPart(epoch=epoch, step=epoch, trained_seconds=1.0, checkpoint=saved)


def _kept(world: World, run_id: str) -> list[tuple[int, str]]:
    page = world.runs.checkpoints(world.project_id, run_id)
    return sorted(((c.step, c.kind) for c in page.data), reverse=True)


def _rot(world: World, checkpoint_id: str) -> None:
    """Change one byte of what is stored."""
    row = select(func.coalesce(CheckpointRow.state_sha256, CheckpointRow.weights_sha256))
    digest = row.where(CheckpointRow.id == checkpoint_id).scalar_subquery()
    with world.sessions.begin() as session:
        chunk = session.scalars(select(BlobChunkRow).where(BlobChunkRow.sha256 == digest)).one()
        chunk.data = bytes((chunk.data[0] ^ 1,)) + chunk.data[1:]
