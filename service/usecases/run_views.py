"""Runs as the wire shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from service.schemas.runs import TERMINAL, Checkpoint, Run, RunSpec
from service.store.tables import EventRow, ModelRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy.orm import Session

    from service.store.tables import CheckpointRow, RunRow


def show_runs(session: Session, rows: Sequence[RunRow]) -> list[Run]:
    """Return runs with their histories and models, in three queries however many they are."""
    ids = [row.id for row in rows]
    made = select(ModelRow.run_id, ModelRow.id).where(ModelRow.run_id.in_(ids))
    models = dict(session.execute(made).all())
    moves = select(EventRow).where(EventRow.run_id.in_(ids), EventRow.type == "run.status_changed")
    histories: dict[str, list[EventRow]] = {run_id: [] for run_id in ids}
    for event in session.scalars(moves.order_by(EventRow.run_id, EventRow.seq)):
        histories[event.run_id].append(event)
    return [_run(row, models.get(row.id), histories[row.id]) for row in rows]


def show_checkpoint(row: CheckpointRow) -> Checkpoint:
    """Return a checkpoint; its digest is that of the weights where there are any to download."""
    plain = {name: getattr(row, name) for name in _CHECKPOINT_FIELDS}
    sha256 = row.weights_sha256 or row.state_sha256
    return Checkpoint.model_validate(plain | {"sha256": sha256})


_CHECKPOINT_FIELDS = ("id", "run_id", "epoch", "step", "kind", "bytes", "created_at")

_RUN_FIELDS = (
    "id", "status", "stop_reason", "requested", "dataset_id", "task", "seed", "device",
    "priority", "parent", "replay_of", "metrics", "best", "attempt", "error", "reproducible",
    "weights_sha256", "created_at", "started_at", "finished_at",
)  # fmt: skip


def _run(row: RunRow, model_id: str | None, history: Sequence[EventRow]) -> Run:
    plain = {name: getattr(row, name) for name in _RUN_FIELDS}
    spec = RunSpec.model_validate_json(row.spec)
    return Run.model_validate(
        plain
        | {
            "target": spec.target,
            "spec": spec,
            "replay": _replay(row),
            "progress": _progress(row, spec.split.folds),
            "model_id": model_id,
            "status_history": [_change(event) for event in history],
        }
    )


def _progress(row: RunRow, folds: int | None) -> dict[str, Any]:
    return {
        "epoch": row.epoch,
        "epochs": row.epochs,
        "step": row.step,
        "folds": folds,
        "folds_done": None if folds is None else row.folds_done or 0,
        "fraction": _fraction(row, folds or 0),
        "eta_seconds": row.eta_seconds,
        "samples_per_second": row.samples_per_second,
    }


def _fraction(row: RunRow, folds: int) -> float:
    # A training that stopped early has done all there was to do.
    if row.status == "succeeded":
        return 1.0
    if row.folds_done is not None:
        return (1 + row.folds_done) / (1 + folds)
    return row.epoch / row.epochs / (1 + folds)


def _replay(row: RunRow) -> dict[str, Any] | None:
    replay = row.replay
    if replay is None or row.status not in TERMINAL or replay["reason"] is not None:
        return replay
    if replay["identical"] is not None:
        return replay
    # It ended without a holder to compare it.
    return replay | {"reason": f"It was {row.status} before it could be compared."}


def _change(event: EventRow) -> dict[str, Any]:
    return {
        "status": event.data["to"],
        "reason": event.data["reason"],
        "at": event.created_at,
    }
