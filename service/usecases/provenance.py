"""Provenance: everything that a run's weights come from, and who computed them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from service.schemas.provenance import Attempt, DatasetDigests, Provenance, ReplayResult
from service.schemas.runs import Parent, RunSpec
from service.store.tables import DatasetRow, EventRow, RunRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

# A chain as long as this is told of as far as here.
MAX_ANCESTORS = 100


def provenance_of(session: Session, row: RunRow) -> Provenance:
    """Return what a run came from, with those that it goes on from and those that repeat it."""
    spec = RunSpec.model_validate_json(row.spec)
    dataset = session.scalars(select(DatasetRow).where(DatasetRow.id == row.dataset_id)).one()
    attempts = list(_attempts(_moves(session, row.id)))
    return Provenance(
        run_id=row.id,
        spec=spec,
        spec_sha256=hashlib.sha256(canonical_json(spec.model_dump(mode="json"))).hexdigest(),
        dataset=DatasetDigests(
            id=dataset.id, sha256=dataset.sha256, stored_sha256=dataset.blob_sha256
        ),
        seed=row.seed,
        weights_sha256=row.weights_sha256,
        engine_version=(row.numerics or {}).get("engine"),
        numerics=row.numerics,
        reproducible=row.reproducible,
        attempts=attempts,
        parents=list(_ancestors(session, row)),
        replay_of=row.replay_of,
        replays=_replays(session, row),
    )


def canonical_json(value: Any) -> bytes:
    """Return JSON of which there is one for each value: keys in order, no blanks, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def pseudonym(worker_id: str) -> str:
    """Return a name by which attempts of one worker are known, and nothing else of it."""
    return f"worker-{hashlib.sha256(worker_id.encode()).hexdigest()[:12]}"


def _moves(session: Session, run_id: str) -> Sequence[EventRow]:
    mine = (EventRow.run_id == run_id, EventRow.type == "run.status_changed")
    return session.scalars(select(EventRow).where(*mine).order_by(EventRow.seq)).all()


def _attempts(moves: Sequence[EventRow]) -> Iterator[Attempt]:
    number = 0
    for place, begun in enumerate(moves):
        if begun.data["to"] != "running":
            continue
        number += 1
        ended = moves[place + 1] if place + 1 < len(moves) else None
        yield Attempt(
            attempt=number,
            fence=begun.fence,
            worker=begun.data.get("worker"),
            service_version=begun.data.get("service_version"),
            started_at=begun.created_at,
            ended_at=None if ended is None else ended.created_at,
            ended_by=None if ended is None else ended.data["reason"] or ended.data["to"],
        )


def _ancestors(session: Session, row: RunRow) -> Iterator[Parent]:
    parent = row.parent
    for _ in range(MAX_ANCESTORS):
        if parent is None:
            return
        yield Parent.model_validate(parent)
        # One that was deleted ends the chain: who came before it is not known any more.
        parent = session.scalar(select(RunRow.parent).where(RunRow.id == parent["run_id"]))


def _replays(session: Session, row: RunRow) -> list[ReplayResult]:
    mine = select(RunRow.id, RunRow.replay).where(RunRow.replay_of == row.id)
    mine = mine.where(RunRow.project_id == row.project_id).order_by(RunRow.id)
    return [
        ReplayResult(run_id=run_id, identical=(replay or {}).get("identical"))
        for run_id, replay in session.execute(mine)
    ]
