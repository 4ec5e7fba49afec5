"""Events: what happened to a run, in order, without gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from service.errors import NotFoundError
from service.schemas.events import Event
from service.schemas.wire import Page
from service.store.tables import EventRow, RunRow

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableSequence, Sequence

    from service.store.db import Sessions

# SQLite takes no expression deeper than a thousand.
_RUNS_PER_QUERY = 100


class Events:
    """Reads events; they are written by the moves they belong to."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def list(self, project_id: str, run_id: str, *, after: int = 0, limit: int = 50) -> Page[Event]:
        """Return events with a `seq` above `after`, oldest first; `next` is the last one's `seq`.

        Raises:
            NotFoundError: no such run in this project.
        """
        with self._sessions.read() as session:
            mine = select(RunRow.id).where(RunRow.project_id == project_id, RunRow.id == run_id)
            if session.scalar(mine) is None:
                raise NotFoundError("run")
            query = select(EventRow).where(EventRow.run_id == run_id, EventRow.seq > after)
            rows = list(session.scalars(query.order_by(EventRow.seq).limit(limit + 1)))
            events = [_event(row) for row in rows[:limit]]
            return Page(data=events, next=str(events[-1].seq) if len(rows) > limit else None)

    def since(
        self, cursors: Mapping[str, int], *, per_run: int = 100
    ) -> Mapping[str, Sequence[Event]]:
        """Return what is newer than each run's `seq`, oldest first, at most `per_run` of each.

        For one poller on behalf of all listeners, which have shown their right to their run. Runs
        without news have an empty list; a deleted run has none.
        """
        if not cursors:
            return {}
        with self._sessions.read() as session:
            # The runs' counters first: an idle listener then costs one row, not a search.
            latest = select(RunRow.id, RunRow.event_seq).where(RunRow.id.in_(cursors))
            counters = dict(session.execute(latest).all())
            found: dict[str, MutableSequence[Event]] = {run_id: [] for run_id in counters}
            news = [run_id for run_id, seq in counters.items() if seq > cursors[run_id]]
            for start in range(0, len(news), _RUNS_PER_QUERY):
                # Numbers have no gaps, so that a range of them is a limit for each run.
                newer = (
                    and_(
                        EventRow.run_id == run_id,
                        EventRow.seq > cursors[run_id],
                        EventRow.seq <= cursors[run_id] + per_run,
                    )
                    for run_id in news[start : start + _RUNS_PER_QUERY]
                )
                query = select(EventRow).where(or_(*newer)).order_by(EventRow.seq)
                for row in session.scalars(query):
                    found[row.run_id].append(_event(row))
            return found


def _event(row: EventRow) -> Event:
    return Event.model_validate(
        {
            "id": row.id,
            "seq": row.seq,
            "type": row.type,
            "level": row.level,
            "message": row.message,
            "data": row.data,
            "created_at": row.created_at,
        }
    )
