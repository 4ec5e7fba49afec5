"""Checkpoints as the ledger keeps them: few, whole, and none that is corrupt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, select, update

from service.errors import IntegrityError, LeaseLostError
from service.ids import new_id
from service.store.db import upsert
from service.store.instants import db_now
from service.store.tables import CheckpointRow, RunRow
from service.usecases import journal
from service.usecases.claims import NewEvent, SavedState

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from service.store.blobs import Blobs
    from service.store.db import Sessions
    from service.usecases.claims import NewCheckpoint

KEPT_PERIODIC = 2


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


def latest(sessions: Sessions, blobs: Blobs, run_id: str, fence: int) -> SavedState | None:
    """Load the last state that can be gone on from; one that is corrupt is dropped and told of.

    Raises:
        LeaseLostError: there was one to drop, but the fence is no longer the current one.
    """
    while True:
        with sessions.read() as session:
            row = session.scalar(_latest_state(run_id))
            if row is None or row.state_sha256 is None:
                return None
            try:
                state = blobs.get(session, row.state_sha256)
            except IntegrityError:
                state = None
        if state is not None:
            return SavedState(row.id, row.epoch, row.step, state)
        _drop_corrupt(sessions, row, fence)


def _drop_corrupt(sessions: Sessions, row: CheckpointRow, fence: int) -> None:
    told = NewEvent(
        type="log",
        level="warning",
        message=f"The checkpoint of step {row.step} is corrupt; going on from the one before.",
        data={"code": "checkpoint_corrupt", "checkpoint_id": row.id, "step": row.step},
    )
    current = exists().where(RunRow.id == row.run_id, RunRow.fence == fence)
    dropped = delete(CheckpointRow).where(CheckpointRow.id == row.id, current)
    with sessions.begin() as session:
        if session.scalar(dropped.returning(CheckpointRow.id)) is None:
            raise LeaseLostError(row.run_id, fence)
        journal.append(session, row.run_id, [told])


def _latest_state(run_id: str) -> Select[CheckpointRow]:
    return (
        select(CheckpointRow)
        .where(CheckpointRow.run_id == run_id, CheckpointRow.state_sha256.is_not(None))
        .order_by(CheckpointRow.step.desc(), CheckpointRow.kind)
        .limit(1)
    )


def _prune(session: Session, run_id: str) -> None:
    periodic = (CheckpointRow.run_id == run_id, CheckpointRow.kind == "periodic")
    newest = select(CheckpointRow.id).where(*periodic).order_by(CheckpointRow.step.desc())
    session.execute(
        delete(CheckpointRow).where(
            *periodic,
            CheckpointRow.is_best.is_(False),
            CheckpointRow.id.not_in(newest.limit(KEPT_PERIODIC)),
        )
    )
