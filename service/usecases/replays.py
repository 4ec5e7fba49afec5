"""Replays: a run done again, from its start or from one of its checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from service.errors import ConflictError, InvalidRequestError, NotFoundError, Problem
from service.schemas.runs import TERMINAL, Budget, Parent, ParentWish, Replay, RunSpec
from service.store.tables import CheckpointRow
from service.usecases import parents
from service.usecases.admission import Planned, replanned
from service.usecases.continuation import Beginning, beginning_at, find_checkpoint

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.schemas.runs import ReplayWish
    from service.store.tables import RunRow


def plan(session: Session, original: RunRow, wish: ReplayWish) -> Planned:
    """Return the run that repeats one, from its start or from one of its checkpoints.

    It ends after as many whole epochs, for the same reasons or because it has had them, and makes
    no model: its weights are to be compared, not used.

    Raises:
        NotFoundError: no such checkpoint; the table is deleted.
        ConflictError: `run_not_finished`; `nothing_to_replay`, it ended before its first epoch.
        InvalidRequestError: the checkpoint is another run's, or has nothing after it; no live
            worker can take the run.
    """
    if original.status not in TERMINAL:
        raise ConflictError("run_not_finished", f"The run is {original.status}.")
    has_diverged = original.stop_reason == "diverged"
    if original.epoch == 0 and not has_diverged:
        raise ConflictError("nothing_to_replay", "The run ended before its first epoch was done.")
    beginning = _beginning(session, original, wish)
    spec = RunSpec.model_validate_json(original.spec).model_copy(
        update={
            "model": None,
            # What diverged does so again, in the middle of an epoch.
            "budget": Budget() if has_diverged else Budget(epochs=original.epoch),
            "parent": beginning and beginning.parent,
        }
    )
    replay = Replay(
        of=original.id,
        checkpoint_id=None if wish.start == "start" else wish.start,
        identical=None,
        first_difference=None,
        reason=None,
    )
    return replanned(session, original, spec, beginning, replay)


def _beginning(session: Session, original: RunRow, wish: ReplayWish) -> Beginning | None:
    if wish.start != "start":
        return _at_checkpoint(session, original, wish.start)
    if original.parent is None:
        return None
    parent = Parent.model_validate(original.parent)
    kept = (CheckpointRow.run_id == original.id, CheckpointRow.kind == parents.KIND)
    checkpoint = session.scalars(select(CheckpointRow).where(*kept)).one()
    at = ParentWish(checkpoint_id=parent.checkpoint_id, mode=parent.mode)
    return beginning_at(checkpoint, original, at).of(parent)


def _at_checkpoint(session: Session, original: RunRow, checkpoint_id: str) -> Beginning:
    checkpoint, run = find_checkpoint(session, original.project_id, checkpoint_id)
    if run.id != original.id:
        raise NotFoundError("checkpoint")
    at = ParentWish(checkpoint_id=checkpoint_id, mode="continue")
    beginning = beginning_at(checkpoint, original, at)
    if beginning.epoch >= original.epoch:
        detail = f"The run ended after {original.epoch} epochs: nothing comes after it."
        raise InvalidRequestError([Problem("/from", "out_of_range", detail, original.epoch)])
    return beginning
