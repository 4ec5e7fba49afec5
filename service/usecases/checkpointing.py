"""Checkpoints as the ledger keeps them: few, whole, and none that is corrupt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select, update

from service.errors import (
    CheckpointCorruptError,
    ConflictError,
    IntegrityError,
    LeaseLostError,
)
from service.ids import new_id
from service.store.db import upsert
from service.store.instants import db_now
from service.store.tables import CheckpointRow, RunRow
from service.usecases import journal, parents
from service.usecases.claims import NewEvent, SavedState
from workers.modelling.codec import CodecError, weights_from_state

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.store.blobs import Blobs
    from service.store.db import Sessions
    from service.usecases.claims import NewCheckpoint

# The last one and the one before: what an attempt goes on from where the last one has rotted.
KEPT_LAST = 2


@dataclass(frozen=True)
class Kept:
    """What the next attempt at a run goes on from."""

    checkpoint: SavedState | None
    """The last state that is whole."""
    initial_weights: bytes | None
    """The weights of epoch 0, where there is no state; None for a run that never began."""
    is_lost: bool
    """Whether there was something, and none of it is whole."""


def save(
    session: Session, blobs: Blobs, run_id: str, fence: int, new: NewCheckpoint
) -> tuple[str, bool]:
    """Write a checkpoint, delete those it replaces; return its id and whether it is new.

    A repeated one (same kind and step, after a crash) takes the place of the first, whose bytes may
    be why there is a repetition. Epoch 0, the best, the last and the one before stay.
    """
    parts = [data for data in (new.state, new.weights) if data is not None]
    content = {
        "state_sha256": None if new.state is None else blobs.put(session, new.state),
        "weights_sha256": None if new.weights is None else blobs.put(session, new.weights),
        "bytes": sum(len(data) for data in parts),
        "is_best": new.is_best,
        "fence": fence,
    }
    identity = {"run_id": run_id, "step": new.step, "kind": new.kind}
    fresh_id = new_id("ckpt")
    rest = {"id": fresh_id, "epoch": new.epoch, "created_at": db_now()}
    if new.is_best:
        mine = CheckpointRow.run_id == run_id
        session.execute(update(CheckpointRow).where(mine).values(is_best=False))
    written = (
        upsert(session, CheckpointRow)
        .values(identity | content | rest)
        .on_conflict_do_update(index_elements=list(identity), set_=content)
        .returning(CheckpointRow.id)
    )
    checkpoint_id = session.scalars(written).one()
    _prune(session, run_id)
    return checkpoint_id, checkpoint_id == fresh_id


def load(sessions: Sessions, blobs: Blobs, run_id: str, fence: int) -> Kept:
    """Load what the run goes on from, the newest that is whole; tell of all that is corrupt.

    States that are corrupt are dropped. Epoch 0 stays in any case, so that a run of which nothing
    else is left is known to have begun.

    Raises:
        LeaseLostError: something was corrupt, but the fence is no longer the current one.
    """
    has_begun = False
    while (row := _newest(sessions, run_id)) is not None:
        digest = row.state_sha256 or row.weights_sha256
        data = _whole(sessions, blobs, digest)
        if data is not None and row.state_sha256 is not None:
            return Kept(SavedState(row.id, row.epoch, row.step, data), None, is_lost=False)
        if data is not None:
            return Kept(None, data, is_lost=False)
        has_begun = True
        _give_up(sessions, row, fence)
        if row.kind == "initial":
            break
    return Kept(None, None, is_lost=has_begun)


def weights(sessions: Sessions, blobs: Blobs, row: CheckpointRow) -> bytes:
    """Load the weights of any checkpoint; those of a state are taken out of it.

    Raises:
        ConflictError: `no_weights`, an earlier version saved it without the tensors' names.
        CheckpointCorruptError: the stored bytes are not those that were saved.
    """
    digest = row.weights_sha256 or row.state_sha256 or ""
    data = _whole(sessions, blobs, digest)
    if data is None:
        raise CheckpointCorruptError(digest)
    if row.weights_sha256 is not None:
        return data
    try:
        return weights_from_state(data)
    except CodecError:
        detail = "It was saved by an earlier version, without the names of its tensors."
        raise ConflictError("no_weights", detail) from None


def _newest(sessions: Sessions, run_id: str) -> CheckpointRow | None:
    """The newest that holds a state; the initial weights count as one, for the seed makes it."""
    usable = or_(CheckpointRow.state_sha256.is_not(None), CheckpointRow.kind == "initial")
    own = CheckpointRow.kind != parents.KIND
    query = select(CheckpointRow).where(CheckpointRow.run_id == run_id, own, usable)
    newest_first = (CheckpointRow.step.desc(), CheckpointRow.kind != "final", CheckpointRow.kind)
    with sessions.read() as session:
        return session.scalar(query.order_by(*newest_first).limit(1))


def _whole(sessions: Sessions, blobs: Blobs, sha256: str | None) -> bytes | None:
    with sessions.read() as session:
        try:
            return None if sha256 is None else blobs.get(session, sha256)
        except IntegrityError:
            return None


def _give_up(sessions: Sessions, row: CheckpointRow, fence: int) -> None:
    is_first = row.kind == "initial"
    what_now = "nothing is left to go on from" if is_first else "going on from the one before"
    told = NewEvent(
        type="log",
        level="warning",
        message=f"The checkpoint of step {row.step} is corrupt; {what_now}.",
        data={"code": "checkpoint_corrupt", "checkpoint_id": row.id, "step": row.step},
    )
    with sessions.begin() as session:
        held = select(RunRow.id).where(RunRow.id == row.run_id, RunRow.fence == fence)
        if session.scalar(held.with_for_update()) is None:
            raise LeaseLostError(row.run_id, fence)
        if not is_first:
            session.execute(delete(CheckpointRow).where(CheckpointRow.id == row.id))
        journal.append(session, row.run_id, [told])


def _prune(session: Session, run_id: str) -> None:
    mine = CheckpointRow.run_id == run_id
    states = select(CheckpointRow.id).where(
        mine, CheckpointRow.kind.not_in(("initial", parents.KIND))
    )
    states = states.where(CheckpointRow.state_sha256.is_not(None))
    newest = states.order_by(CheckpointRow.step.desc(), CheckpointRow.kind != "final")
    session.execute(
        delete(CheckpointRow).where(
            mine,
            CheckpointRow.kind.not_in(("initial", "final", parents.KIND)),
            CheckpointRow.is_best.is_(False),
            CheckpointRow.id.not_in(newest.limit(KEPT_LAST)),
        )
    )
