"""The state machine of a run: every move is one conditional update with its event.

| from            | to                                    | by                                    |
|-----------------|---------------------------------------|---------------------------------------|
| queued          | running                               | claim: attempt + 1, fence + 1, lease  |
| running         | succeeded, stopped, failed, cancelled | the holder of the fence               |
| running         | paused                                | the holder or the reaper, as wished   |
| running         | queued                                | the holder, drained; or the reaper    |
| queued          | paused, cancelled                     | its owner                             |
| paused          | queued, cancelled                     | its owner                             |
| queued, paused  | failed                                | its deadline                          |

A paused run that is to be stopped goes by the queue: its model takes a worker to make. Terminal
statuses have no arrow out. Where the condition does not hold, nothing is written and the move
returns None: somebody else was first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from service.schemas.runs import TERMINAL, Status
from service.store.instants import db_now
from service.store.tables import RunRow
from service.usecases import journal
from service.usecases.claims import Level, NewEvent

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

ARROWS: Mapping[Status, frozenset[Status]] = {
    "queued": frozenset(("running", "paused", "cancelled", "failed")),
    "running": TERMINAL | {"paused", "queued"},
    "paused": frozenset(("queued", "cancelled", "failed")),
}

_NO_LEASE = {"lease_owner": None, "lease_until": None}


@dataclass(frozen=True, kw_only=True)
class Move:
    """One arrow, why it is taken, and what else changes with it."""

    source: Status
    target: Status
    reason: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    level: Level = "info"
    data: Mapping[str, Any] = field(default_factory=dict)
    """What else its event tells."""


def move(session: Session, run_id: str, step: Move, *where: ColumnElement[bool]) -> RunRow | None:
    """Move a run if it stands where the arrow begins and `where` holds; return it as it is then.

    Raises:
        ValueError: there is no such arrow.
    """
    if step.target not in ARROWS.get(step.source, ()):
        raise ValueError(f"No run moves from {step.source} to {step.target}.")
    conditional = (
        update(RunRow)
        .where(RunRow.id == run_id, RunRow.status == step.source, *where)
        .values({"status": step.target, "event_seq": RunRow.event_seq + 1} | _consequences(step))
        .returning(RunRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    row = session.scalars(conditional).one_or_none()
    if row is not None:
        event = status_event(step.source, step.target, step.reason, step.level, step.data)
        journal.write(session, run_id, [event], last_seq=row.event_seq, fence=row.fence)
    return row


def status_event(
    source: Status | None,
    target: Status,
    reason: str | None = None,
    level: Level = "info",
    data: Mapping[str, Any] | None = None,
) -> NewEvent:
    """Return the event that tells of a move; a run that is created comes from nowhere."""
    why = f" ({reason})" if reason else ""
    return NewEvent(
        type="run.status_changed",
        level=level,
        message=f"The run is {target}{why}.",
        data={"from": source, "to": target, "reason": reason} | dict(data or {}),
    )


def _consequences(step: Move) -> dict[str, Any]:
    values = dict(step.values)
    if step.source == "running":
        values |= _NO_LEASE
    if step.target == "queued":
        # Rung for anew: the bells of its earlier wait tell nothing about this one.
        values |= {"dispatched_at": None, "dispatch_count": 0}
    if step.target in TERMINAL:
        values |= {"finished_at": db_now(), "requested": None, "eta_seconds": None}
        values |= {"stop_reason": step.reason}
    return values
