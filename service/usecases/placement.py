"""Placement: whether a worker may take a run now: its project's share, its memory, its bits.

Asked when a run is claimed, and so binding: bells are chosen by the same rules, but a bell may be
heard by any worker, and two reconcilers may ring for one project at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select, update

from service.store.instants import db_now
from service.store.tables import ProjectRow, RunRow, WorkerRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Row, Select
    from sqlalchemy.orm import Session

# A run that was begun waits so long for a worker with the numerics it was begun with.
AFFINITY_S = 60.0


def may_take(session: Session, run_id: str, worker_id: str, runs_running: int) -> bool:
    """Tell whether a worker may claim a run; where it may not, the run's bell is to ring anew.

    Claims of one project take turns from here to the end of the transaction, so that a project
    never has more runs under way than its limit, not even by one, and not for an instant.
    """
    wanted = session.execute(_wanted(run_id, worker_id)).one_or_none()
    if wanted is None:
        return False
    if _holds(wanted) and not _waits_for_its_like(session, wanted):
        # Another statement: it sees what those ended with who had the turn before.
        running = (RunRow.project_id == wanted.project_id, RunRow.status == "running")
        under_way = session.scalar(select(func.count()).where(*running)) or 0
        if under_way < (wanted.project_limit or runs_running):
            return True
    _unmark(session, run_id)
    return False


def limit_of_project(runs_running: int) -> ColumnElement[int]:
    """Return how many runs of a project may train at once; to be joined with `projects`."""
    return func.coalesce(ProjectRow.runs_running, runs_running)


def _wanted(run_id: str, worker_id: str) -> Select[Any]:
    """Select what decides, of a run that waits and of the worker that would take it."""
    columns = (
        RunRow.project_id,
        RunRow.queue,
        RunRow.memory_bytes,
        RunRow.numerics,
        (RunRow.available_at > db_now(-AFFINITY_S)).label("is_fresh"),
        ProjectRow.runs_running.label("project_limit"),
        WorkerRow.memory_bytes.label("worker_bytes"),
        WorkerRow.numerics.label("worker_numerics"),
    )
    return (
        select(*columns)
        .join(ProjectRow, ProjectRow.id == RunRow.project_id)
        .outerjoin(WorkerRow, WorkerRow.id == worker_id)
        .where(RunRow.id == run_id, RunRow.status == "queued")
        # Not FOR UPDATE, which would also hold up who only refers to the project.
        .with_for_update(of=ProjectRow, key_share=True)
    )


def _holds(wanted: Row[Any]) -> bool:
    needs, has = wanted.memory_bytes, wanted.worker_bytes
    return needs is None or has is None or needs <= has


def _waits_for_its_like(session: Session, wanted: Row[Any]) -> bool:
    """Tell whether the run is to wait a little for a worker that goes on with the same bits."""
    if wanted.numerics is None or not wanted.is_fresh:
        return False
    if wanted.worker_numerics is None or _same_bits(wanted.numerics, wanted.worker_numerics):
        return False
    # One that was there a moment ago may be starting again; one that left in order will not.
    lately = and_(WorkerRow.last_seen > db_now(-AFFINITY_S), WorkerRow.draining.is_(False))
    others = session.execute(select(WorkerRow.queues, WorkerRow.numerics).where(lately))
    return any(
        wanted.queue in queues and numerics is not None and _same_bits(wanted.numerics, numerics)
        for queues, numerics in others
    )


def _same_bits(recorded: Mapping[str, Any], announced: Mapping[str, Any]) -> bool:
    # The precision is the run's own choice, not the worker's.
    return {**recorded, "dtype": None} == {**announced, "dtype": None}


def _unmark(session: Session, run_id: str) -> None:
    waiting = (RunRow.id == run_id, RunRow.status == "queued")
    session.execute(update(RunRow).where(*waiting).values(dispatched_at=None, dispatch_count=0))
