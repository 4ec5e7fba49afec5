"""Parents: the checkpoint that a run begins with, kept for it until it has one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from service.errors import IntegrityError, NotFoundError
from service.ids import new_id
from service.store.tables import CheckpointRow, RunRow
from service.usecases import metrics
from service.usecases.claims import ParentState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.schemas.runs import Parent
    from service.store.blobs import Blobs
    from service.store.db import Sessions
    from service.usecases.continuation import Beginning

KIND = "parent"
"""Of the row that holds on to the parent's blobs; it is no checkpoint of the run's own training."""


def begin(session: Session, blobs: Blobs, row: RunRow, at: Beginning) -> None:
    """Let a new run begin at a checkpoint, whatever becomes of the run that saved it.

    Bytes are stored once by their digest: a row that names them holds on to them. Where the
    training goes on its curve, its time and its numerics go on as well.

    Raises:
        NotFoundError: the run whose curve is to go on, or the checkpoint, was deleted meanwhile.
    """
    derived = None if at.weights is None else blobs.put(session, at.weights)
    state_sha256 = at.state_sha256 if at.goes_on else None
    # Nothing else holds on to them, where the checkpoint was deleted since it was found.
    known_sha256 = at.weights_sha256 if derived is None else None
    # In order of their digests, so that two children do not wait for each other.
    named = sorted(sha256 for sha256 in {state_sha256, known_sha256} if sha256 is not None)
    if not all(blobs.keep(session, sha256) for sha256 in named):
        raise NotFoundError("checkpoint")
    session.add(
        CheckpointRow(
            id=new_id("ckpt"),
            run_id=row.id,
            kind=KIND,
            epoch=at.epoch,
            step=at.step,
            state_sha256=state_sha256,
            weights_sha256=derived or at.weights_sha256,
            bytes=0,
            fence=row.fence,
        )
    )
    if at.goes_on:
        row.epoch, row.step, row.trained_seconds = at.epoch, at.step, at.trained_seconds
        row.numerics = None if at.numerics is None else dict(at.numerics)
        row.reproducible = at.reproducible
        metrics.copy(session, at.curve_of, row.id, at.epoch)
        # After the copy: a run that is there still was there then, with the whole of its curve.
        if session.scalar(select(RunRow.id).where(RunRow.id == at.curve_of)) is None:
            raise NotFoundError("checkpoint")
        for epoch, values in metrics.of_run(session, row.id, [at.epoch]).items():
            shown = {name: None if isinstance(v, str) else v for name, v in values.items()}
            row.metrics = {"epoch": epoch, **shown}
    session.flush()


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
