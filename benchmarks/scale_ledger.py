"""A ledger as it is under load: twenty projects, each with runs that wait and runs that ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from service.ids import new_id
from service.schemas.runs import RunCreate
from service.store.instants import db_now
from service.store.tables import EpochRow, EventRow, ProjectRow, RunRow
from service.usecases.projects import Projects
from service.usecases.workers import WorkerIdentity, Workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from tests.service.usecases.world import World

N_PROJECTS = 20
N_QUEUED = 100
"""Of each project."""

N_ENDED = 500
"""Of each project, before those that wait."""

N_EPOCHS = 20
"""Events and metrics of each run that ended."""

SLOTS = 4
WORKER = WorkerIdentity("wrk_scale", 1, "host", ["slope.cpu"], slots=SLOTS)


def fill(world: World) -> dict[str, str]:
    """Fill a fresh ledger; return a key for each project, by its id."""
    keys = {}
    for index in range(N_PROJECTS):
        name = f"project-{index:02}"
        _, secret = Projects(world.sessions).create_key(name)
        project_id = Projects(world.sessions).ensure_project(name)
        keys[project_id] = secret
        wish = RunCreate.model_validate_json(
            json.dumps({"dataset_id": world.add_dataset(project_id), "target": "y"})
        )
        template = world.runs.create(project_id, wish).id
        with world.sessions.begin() as session:
            _copy(session, template)
    with world.sessions.begin() as session:
        # As the first second of a fresh service: nothing was rung for.
        session.execute(update(RunRow).values(dispatched_at=None, dispatch_count=0))
        session.execute(update(ProjectRow).values(runs_running=SLOTS))
    Workers(world.sessions).announce(WORKER)
    return keys


def _copy(session: Session, template: str) -> None:
    row = session.scalars(select(RunRow).where(RunRow.id == template)).one()
    values = {column.key: getattr(row, column.key) for column in RunRow.__table__.columns}
    ended = {
        "status": "succeeded",
        "stop_reason": "max_epochs",
        "finished_at": db_now(),
        "event_seq": N_EPOCHS + 3,
    }
    ended_ids = [new_id("run") for _ in range(N_ENDED)]
    queued_ids = [new_id("run") for _ in range(N_QUEUED - 1)]
    for ids, changes in ((ended_ids, ended), (queued_ids, {})):
        session.execute(insert(RunRow).values(values | changes), [{"id": i} for i in ids])
    session.execute(insert(EventRow), list(_events(ended_ids, queued_ids)))
    session.execute(insert(EpochRow), list(_epochs(ended_ids)))


def _events(ended: Sequence[str], queued: Sequence[str]) -> Iterator[dict[str, Any]]:
    for run_id in queued:
        yield _event(run_id, 1, "run.status_changed", _moved(None, "queued"))
    for run_id in ended:
        yield _event(run_id, 1, "run.status_changed", _moved(None, "queued"))
        yield _event(run_id, 2, "run.status_changed", _moved("queued", "running"))
        for epoch in range(1, N_EPOCHS + 1):
            yield _event(run_id, epoch + 2, "epoch.completed", {"epoch": epoch})
        end = _moved("running", "succeeded")
        yield _event(run_id, N_EPOCHS + 3, "run.status_changed", end)


def _epochs(run_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    metrics = json.dumps({"train_loss": 0.5, "val_loss": 0.25})
    for run_id in run_ids:
        for epoch in range(1, N_EPOCHS + 1):
            yield {"run_id": run_id, "epoch": epoch, "metrics": metrics, "fence": 1}


def _moved(source: str | None, target: str) -> dict[str, Any]:
    return {"from": source, "to": target, "reason": None}


def _event(run_id: str, seq: int, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "seq": seq,
        "id": new_id("evt"),
        "type": kind,
        "level": "info",
        "message": "It happened.",
        "data": data,
        "fence": 0,
    }
