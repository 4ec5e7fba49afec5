"""The registry of models: what a run made, under its own id and perhaps a name's next version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.ids import new_id
from service.store.db import upsert
from service.store.instants import db_now
from service.store.tables import ModelNameRow, ModelRow
from service.usecases.finite import finite

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.store.blobs import Blobs
    from service.store.tables import RunRow
    from service.usecases.claims import ModelParts


def register(session: Session, blobs: Blobs, run: RunRow, parts: ModelParts) -> None:
    """Store a run's model in the transaction that ends the run."""
    version = None if run.model_name is None else _next_version(session, run)
    session.add(
        ModelRow(
            id=new_id("mdl"),
            project_id=run.project_id,
            run_id=run.id,
            dataset_id=run.dataset_id,
            name=run.model_name,
            version=version,
            signature={
                "target": parts.target,
                "task": parts.task,
                "features": [{"name": name, "type": kind} for name, kind in parts.features],
                "classes": None if parts.classes is None else list(parts.classes),
            },
            metrics=finite(parts.metrics),
            parameters=parts.parameters,
            bytes=len(parts.data),
            sha256=blobs.put(session, parts.data),
        )
    )
    session.flush()


def _next_version(session: Session, run: RunRow) -> int:
    # Counted in a row of its own, which also makes two runs that end at once take turns.
    first = {"project_id": run.project_id, "name": run.model_name, "last_version": 1}
    counted = (
        upsert(session, ModelNameRow)
        .values(first | {"created_at": db_now()})
        .on_conflict_do_update(
            index_elements=["project_id", "name"],
            set_={"last_version": ModelNameRow.last_version + 1},
        )
        .returning(ModelNameRow.last_version)
    )
    return int(session.scalars(counted).one())
