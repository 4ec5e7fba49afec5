"""Progress as the ledger keeps it: high-water marks, metrics, a checkpoint and their events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.schemas.runs import RunSpec
from service.store.instants import db_now
from service.usecases import checkpointing, journal, metrics
from service.usecases.claims import NewEvent
from service.usecases.finite import finite
from service.usecases.rate_changes import rate_changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.orm import Session

    from service.store.blobs import Blobs
    from service.store.tables import RunRow
    from service.usecases.claims import NewCheckpoint, ProgressPart


def record(session: Session, blobs: Blobs, row: RunRow, part: ProgressPart) -> None:
    """Write a piece of progress; the caller holds the row's lock under the row's fence."""
    recorded = metrics.record(session, row.id, row.fence, part.epochs)
    changes = _rate_changes(row, part)
    _advance(row, part)
    events = list(_epoch_events(part, recorded, changes))
    if recorded.differing:
        row.reproducible = False
        events.append(_nondeterminism(recorded))
    events += _numerics_events(row, part)
    for new in (part.best_weights, part.checkpoint):
        if new is not None:
            events += _checkpoint_events(session, blobs, row, new)
    session.flush()
    journal.append(session, row.id, [*events, *part.events])


def _advance(row: RunRow, part: ProgressPart) -> None:
    # An attempt that repeats what a crash took is no progress: else a run that always dies a
    # little after its checkpoint would never use up its crash budget.
    folds_done = max(_folds(row.folds_done), _folds(part.folds_done))
    if part.step > row.step or folds_done > _folds(row.folds_done):
        row.crashes_since_progress = 0
    row.epoch = max(row.epoch, part.epoch)
    row.step = max(row.step, part.step)
    row.folds_done = folds_done if folds_done >= 0 else None
    row.trained_seconds = part.trained_seconds
    row.samples_per_second = finite(part.samples_per_second)
    row.eta_seconds = finite(part.eta_seconds)
    row.progress_at = db_now()
    if part.epochs and part.epochs[-1].epoch >= row.metrics.get("epoch", 0):
        last = part.epochs[-1]
        row.metrics = {"epoch": last.epoch, **finite(last.values)}
    if part.best is not None:
        known = row.best if row.best and row.best["epoch"] == part.best.epoch else {}
        row.best = {
            "epoch": part.best.epoch,
            "checkpoint_id": known.get("checkpoint_id"),
            "monitor": part.best.monitor,
            "value": part.best.value,
        }


def _folds(done: int | None) -> int:
    return -1 if done is None else done


def _rate_changes(row: RunRow, part: ProgressPart) -> dict[int, NewEvent]:
    if not any("learning_rate" in epoch.values for epoch in part.epochs):
        return {}
    schedule = RunSpec.model_validate_json(row.spec).training.schedule
    return dict(rate_changes(schedule, row.metrics, part.epochs))


def _epoch_events(
    part: ProgressPart, recorded: metrics.Recorded, changes: Mapping[int, NewEvent]
) -> Iterator[NewEvent]:
    for epoch in part.epochs:
        if epoch.epoch in recorded.new_epochs:
            if epoch.epoch in changes:
                yield changes[epoch.epoch]
            yield NewEvent(
                type="epoch.completed",
                message=f"Epoch {epoch.epoch} is completed.",
                data={"epoch": epoch.epoch, "metrics": epoch.values},
            )


def _nondeterminism(recorded: metrics.Recorded) -> NewEvent:
    name, epoch = recorded.differing[0]
    return NewEvent(
        type="log",
        level="warning",
        message=f"{name} of epoch {epoch} came out otherwise when it was computed again.",
        data={
            "code": "nondeterminism",
            "values": [{"name": name, "epoch": epoch} for name, epoch in recorded.differing[:20]],
        },
    )


def _numerics_events(row: RunRow, part: ProgressPart) -> Iterator[NewEvent]:
    if part.numerics is None:
        return
    if row.numerics is None:
        row.numerics = dict(part.numerics)
    elif row.numerics != part.numerics:
        row.reproducible = False
        yield NewEvent(
            type="log",
            level="warning",
            message="The run goes on with other numerics; its bits may differ from here on.",
            data={"code": "numerics_changed", "from": row.numerics, "to": part.numerics},
        )


def _checkpoint_events(
    session: Session, blobs: Blobs, row: RunRow, new: NewCheckpoint
) -> Iterator[NewEvent]:
    checkpoint_id, is_new = checkpointing.save(session, blobs, row.id, row.fence, new)
    if new.is_best and row.best is not None and row.best["epoch"] == new.epoch:
        row.best = {**row.best, "checkpoint_id": checkpoint_id}
    if is_new:
        data: dict[str, Any] = {"checkpoint_id": checkpoint_id, "kind": new.kind}
        yield NewEvent(
            type="checkpoint.saved",
            message=f"A checkpoint of step {new.step} is saved.",
            data={**data, "epoch": new.epoch, "step": new.step},
        )
