"""Parents: the checkpoint that a run begins with, kept for it until it has one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from service.errors import IntegrityError
from service.ids import new_id
from service.store.tables import CheckpointRow
from service.usecases.claims import ParentState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.schemas.runs import Parent
    from service.store.blobs import Blobs
    from service.store.db import Sessions

KIND = "parent"
"""Of the row that holds on to the parent's blobs; it is no checkpoint of the run's own training."""


def keep(
    session: Session,
    run_id: str,
    *,
    epoch: int,
    step: int,
    state_sha256: str | None,
    weights_sha256: str | None,
) -> None:
    """Hold on to what a new run begins with, whatever becomes of the run that saved it.

    Bytes are stored once by their digest: this is a row that names them.
    """
    session.add(
        CheckpointRow(
            id=new_id("ckpt"),
            run_id=run_id,
            kind=KIND,
            epoch=epoch,
            step=step,
            state_sha256=state_sha256,
            weights_sha256=weights_sha256,
            bytes=0,
            fence=0,
        )
    )


def load(sessions: Sessions, blobs: Blobs, run_id: str, parent: Parent) -> ParentState | None:
    """Return what a run begins with; None where its bytes are not whole any more."""
    kept = select(CheckpointRow).where(CheckpointRow.run_id == run_id, CheckpointRow.kind == KIND)
    with sessions.read() as session:
        row = session.scalars(kept).one()
        try:
            return ParentState(
                mode=parent.mode,
                run_id=parent.run_id,
                checkpoint_id=parent.checkpoint_id,
                epoch=row.epoch,
                step=row.step,
                state=None if row.state_sha256 is None else blobs.get(session, row.state_sha256),
                weights=(
                    None if row.weights_sha256 is None else blobs.get(session, row.weights_sha256)
                ),
            )
        except IntegrityError:
            return None
