"""Checkpoints: few are kept, and a run goes on from the last one that is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

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
