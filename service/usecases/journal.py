"""The journal: events of a run, written in the transaction of what they tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, update

from service.ids import new_id
from service.store.instants import db_now
from service.store.tables import EventRow, RunRow
from service.usecases.finite import finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from service.usecases.claims import NewEvent


def append(session: Session, run_id: str, events: Sequence[NewEvent]) -> None:
    """Write events after all others of a run.

    Taking the numbers locks the run's row until the transaction ends, so that they become visible
    in their order and without gaps.
    """
    if not events:
        return
    counted = update(RunRow).where(RunRow.id == run_id)
    counted = counted.values(event_seq=RunRow.event_seq + len(events))
    last, fence = session.execute(counted.returning(RunRow.event_seq, RunRow.fence)).one()
    write(session, run_id, events, last_seq=last, fence=fence)


def write(
    session: Session, run_id: str, events: Sequence[NewEvent], *, last_seq: int, fence: int
) -> None:
    """Write events whose numbers are taken already; `last_seq` is the last one's."""
    first = last_seq - len(events) + 1
    rows = [
        {
            "run_id": run_id,
            "seq": seq,
            "id": new_id("evt"),
            "type": event.type,
            "level": event.level,
            "message": event.message,
            "data": finite(event.data),
            "fence": fence,
        }
        for seq, event in enumerate(events, first)
    ]
    # As plain rows: every epoch is an event, and hundreds of them come at once.
    session.connection().execute(insert(EventRow).values(created_at=db_now()), rows)
