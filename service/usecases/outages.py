"""Outages: until when an expired lease says nothing of whoever holds it.

A holder prolongs its lease in the database. While that is away nobody can, and once it is back the
reconciler must not be faster than those who live: a run would be taken from them, and a crash be
counted that never was. So a lease that expired at `L` is reaped at the first look at `now` with

    L < now  and  now >= back + GRACE_S,

where `back` is the latest of these, as far as they are known:

- the start of PostgreSQL (`pg_postmaster_start_time()`);
- the `outage` pulse, written by whoever finds that nobody has reconciled for `STOOD_STILL_S`, with
  which all others wait: time stood still for everybody, or the whole service was down;
- the first look of this process after a gap in its own: its last one failed, or hung, or waited
  for a lock. This alone is no shared knowledge, so that one process with a bad connection does
  not keep the others from reaping.

Where nothing was away, `back` is long ago, and a lease is reaped at the first look after its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, null, select, type_coerce

from service.store.instants import UtcTimestamp, db_now
from service.usecases import pulses

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from service.store.db import Sessions

GRACE_S = 5.0
"""The longest time between two heartbeats of a holder; one that failed is repeated sooner."""

STOOD_STILL_S = 10.0
"""Twice the time in which a worker that reconciles alone comes by."""

# What a look may be late by on a busy machine before it counts as a gap.
_LATE_S = 2.0
# A process that is always late must reap sometimes all the same.
_GRACES_IN_A_ROW = 3


class Outages:
    """What one process knows of outages; asked at every look."""

    def __init__(
        self,
        sessions: Sessions,
        clock_s: Callable[[], float],
        *,
        every_s: float,
        grace_s: float = GRACE_S,
    ) -> None:
        """Prepare, for looks that are `every_s` apart by a monotonic clock."""
        self._sessions = sessions
        self._clock_s = clock_s
        self._longest_gap_s = every_s + _LATE_S
        self._grace_s = grace_s
        self._looked_s: float | None = None
        self._back_s: float | None = None
        self._graces = 0

    def are_over(self) -> bool:
        """Look; tell whether whoever lives has had the time to say so."""
        with self._sessions.read() as session:
            reconciled_s, noted_s, started_s = _seconds_since(session)
        if _is_long_ago(reconciled_s) and (noted_s is None or noted_s > STOOD_STILL_S):
            with self._sessions.begin() as session:
                pulses.note(session, pulses.OUTAGE)
            noted_s = 0.0
        shared = (noted_s, started_s)
        # Asked first, because it takes notice of this look.
        return self.is_own_over() and all(s is None or s >= self._grace_s for s in shared)

    def is_own_over(self) -> bool:
        """Tell the same by the looks of this process alone; to be asked with the locks held."""
        now_s = self._clock_s()
        looked_s, self._looked_s = self._looked_s, now_s
        had_gap = looked_s is not None and now_s - looked_s > self._longest_gap_s
        if had_gap and self._graces < _GRACES_IN_A_ROW:
            self._back_s = now_s
            self._graces += 1
        if self._back_s is not None and now_s - self._back_s < self._grace_s:
            return False
        self._graces = 0
        return True


def _is_long_ago(ago_s: float | None) -> bool:
    # Nobody ever reconciled: then nobody ever trained.
    return ago_s is not None and ago_s > STOOD_STILL_S


def _seconds_since(session: Session) -> list[float | None]:
    """Return how long ago somebody reconciled, noted an outage, and the database was started."""
    start: ColumnElement[Any] = null()
    if session.get_bind().dialect.name == "postgresql":
        start = func.pg_postmaster_start_time()
    thens = (pulses.latest(pulses.RECONCILING), pulses.latest(pulses.OUTAGE), start)
    # In one round trip: this is asked every second.
    now, *found = session.execute(
        select(db_now(), *(type_coerce(then, UtcTimestamp()) for then in thens))
    ).one()
    return [None if then is None else (now - then).total_seconds() for then in found]
