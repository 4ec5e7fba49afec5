"""Verbs: what its owner may wish of a run that has not ended.

A wish for a running run is noted, and the holder heeds it: `requested`. A stronger wish takes the
place of a weaker one, and a weaker one is refused then: pause < stop < cancel. A run that waits is
moved at once, unless a worker must make its model first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import ConflictError
from service.schemas.runs import TERMINAL
from service.store.instants import db_now
from service.usecases import journal
from service.usecases.claims import NewEvent
from service.usecases.moves import Move, move

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from service.schemas.runs import Requested, Status
    from service.store.tables import RunRow

_STRENGTH: Mapping[str | None, int] = {None: 0, "pause": 1, "stop": 2, "cancel": 3}


def pause(session: Session, row: RunRow) -> None:
    """Put a run aside with a checkpoint, until it is resumed.

    Raises:
        ConflictError: `run_finished`; `conflict`, it is to be stopped or cancelled.
    """
    _require_unfinished(row)
    if row.status == "running":
        _request(session, row, "pause")
    elif row.status == "queued":
        _require_stronger(row, "pause")
        move(session, row.id, Move(source="queued", target="paused", reason="user_pause"))


def resume(session: Session, row: RunRow) -> None:
    """Let a paused run go on, or take the wish to pause back.

    Raises:
        ConflictError: `run_finished`.
    """
    _require_unfinished(row)
    if row.status == "paused":
        _requeue(session, row, reason="user_resume", requested=None)
    elif row.requested == "pause":
        row.requested = None
        _tell(session, row, "resume")


def stop(session: Session, row: RunRow) -> None:
    """End a run with the model of what it has learned; one that has learned nothing, without.

    Raises:
        ConflictError: `run_finished`, it ended otherwise; `conflict`, it is to be cancelled.
    """
    if row.status == "stopped" or row.stop_reason == "user_stop":
        return
    _require_unfinished(row)
    if row.status == "running" or (row.status == "queued" and _has_trained(row)):
        _request(session, row, "stop")
    elif row.status == "paused" and _has_trained(row):
        # A worker makes the model: the run waits for one.
        _requeue(session, row, reason="user_stop", requested="stop")
    else:
        _cancel_waiting(session, row, reason="user_stop")


def cancel(session: Session, row: RunRow) -> None:
    """End a run now; its last checkpoint stays.

    Raises:
        ConflictError: `run_finished`, it ended otherwise.
    """
    if row.status == "cancelled":
        return
    _require_unfinished(row)
    if row.status == "running":
        _request(session, row, "cancel")
    else:
        _cancel_waiting(session, row, reason="user_cancel")


def _require_unfinished(row: RunRow) -> None:
    if row.status in TERMINAL:
        raise ConflictError("run_finished", f"The run is {row.status} already.")


def _require_stronger(row: RunRow, wish: Requested) -> None:
    if _STRENGTH[row.requested] > _STRENGTH[wish]:
        detail = f"The run is about to {row.requested}: it cannot {wish} any more."
        raise ConflictError("conflict", detail)


def _request(session: Session, row: RunRow, wish: Requested) -> None:
    _require_stronger(row, wish)
    if row.requested != wish:
        row.requested = wish
        _tell(session, row, wish)


def _tell(session: Session, row: RunRow, wish: str) -> None:
    told = NewEvent("log", f"Its owner asked to {wish} the run.", data={"code": f"user_{wish}"})
    session.flush()
    journal.append(session, row.id, [told])
    session.refresh(row)


def _has_trained(row: RunRow) -> bool:
    # A run that goes on from another has that one's steps before its own first.
    return row.attempt > 0 and row.step > 0


def _requeue(session: Session, row: RunRow, *, reason: str, requested: Requested | None) -> None:
    values = {"requested": requested, "available_at": db_now()}
    move(session, row.id, Move(source="paused", target="queued", reason=reason, values=values))


def _cancel_waiting(session: Session, row: RunRow, *, reason: str) -> None:
    source: Status = "queued" if row.status == "queued" else "paused"
    move(session, row.id, Move(source=source, target="cancelled", reason=reason, level="warning"))
