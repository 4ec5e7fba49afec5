"""Pulses: that a duty of the service is done, and when it last was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from service.store.db import upsert
from service.store.instants import db_now
from service.store.tables import PulseRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ScalarSelect
    from sqlalchemy.orm import Session

    from service.store.db import Sessions

RECONCILING = "reconcile"
OUTAGE = "outage"
"""Not a duty, but when somebody last found that one had not been done for long."""

# Duties are done every second, by several processes: written down no more often than this, but
# each time by a worker that is alone and comes by every five seconds.
INTERVAL_S = 3.0


def beat(sessions: Sessions, duty: str) -> None:
    """Note that a duty was done."""
    lately = select(PulseRow.duty).where(
        PulseRow.duty == duty, PulseRow.done_at > db_now(-INTERVAL_S)
    )
    with sessions.read() as session:
        if session.scalar(lately) is not None:
            return
    with sessions.begin() as session:
        note(session, duty)


def note(session: Session, duty: str) -> None:
    """Note that a duty was done, within a transaction."""
    noted = {"done_at": db_now()}
    session.execute(
        upsert(session, PulseRow)
        .values({"duty": duty} | noted)
        .on_conflict_do_update(index_elements=["duty"], set_=noted)
    )


def last(session: Session, duty: str) -> datetime | None:
    """Return when a duty was last noted as done; None where it never was."""
    return session.scalar(select(latest(duty)))


def latest(duty: str) -> ScalarSelect[datetime]:
    """Select what `last` returns, as a part of another statement."""
    return select(PulseRow.done_at).where(PulseRow.duty == duty).scalar_subquery()
