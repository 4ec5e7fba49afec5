"""Runs as their owner moves them: create, look, pause, stop, repeat, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, or_, select

from service.errors import ConflictError, NotFoundError
from service.schemas.runs import TERMINAL
from service.schemas.wire import Page
from service.store.tables import CheckpointRow, ModelRow, RunRow
from service.usecases import admission, checkpointing, curves, journal, parents, replays, verbs
from service.usecases.bells import Bells
from service.usecases.continuation import find_checkpoint
from service.usecases.idempotency import fulfil
from service.usecases.moves import status_event
from service.usecases.paging import DEFAULT_LIMIT, newest_first
from service.usecases.provenance import provenance_of
from service.usecases.run_views import show_checkpoint, show_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from service.schemas.provenance import Provenance
    from service.schemas.runs import (
        Checkpoint,
        MetricSeries,
        ReplayWish,
        Run,
        RunCreate,
        Status,
    )
    from service.settings import Limits
    from service.store.blobs import Blobs
    from service.store.broker import Broker
    from service.store.db import Sessions
    from service.usecases.idempotency import IdempotencyClaim


class Runs:
    """A user's moves and views; a run of another project is as unknown as one that never was."""

    def __init__(self, sessions: Sessions, blobs: Blobs, broker: Broker, limits: Limits) -> None:
        self._sessions = sessions
        self._blobs = blobs
        self._bells = Bells(sessions, broker, limits.runs_running)
        self._limits = limits

    def create(
        self, project_id: str, wish: RunCreate, *, idempotency: IdempotencyClaim | None = None
    ) -> Run:
        """Queue a run; it is durable when this returns, whatever the broker does.

        Raises:
            NotFoundError: no such dataset, network or checkpoint in this project.
            InvalidRequestError: the wish cannot be granted on this table, by the workers that
                live, or from this checkpoint.
            QuotaExceededError: too many runs of the project wait already.
        """
        planned = admission.plan(self._sessions, self._blobs, project_id, wish, self._limits)
        return self._queue(project_id, planned, idempotency)

    def replay(
        self,
        project_id: str,
        run_id: str,
        wish: ReplayWish,
        *,
        idempotency: IdempotencyClaim | None = None,
    ) -> Run:
        """Queue a run that repeats one that has ended, to be compared with it bit for bit.

        Raises:
            NotFoundError: no such run in this project, or no such checkpoint of it.
            ConflictError: `run_not_finished`, or `nothing_to_replay`.
            InvalidRequestError: nothing comes after the checkpoint, or no worker can take it.
            QuotaExceededError: too many runs of the project wait already.
        """
        with self._sessions.read() as session:
            planned = replays.plan(session, _find(session, project_id, run_id), wish)
        return self._queue(project_id, planned, idempotency)

    def get(self, project_id: str, run_id: str) -> Run:
        """Return a run.

        Raises:
            NotFoundError: no such run in this project.
        """
        with self._sessions.read() as session:
            [run] = show_runs(session, [_find(session, project_id, run_id)])
            return run

    def list(
        self,
        project_id: str,
        *,
        status: Status | None = None,
        dataset_id: str | None = None,
        model: str | None = None,
        limit: int = DEFAULT_LIMIT,
        after: str | None = None,
    ) -> Page[Run]:
        """Return runs, newest first; `model` is a registered name or the id of a model."""
        query = select(RunRow).where(RunRow.project_id == project_id)
        if status is not None:
            query = query.where(RunRow.status == status)
        if dataset_id is not None:
            query = query.where(RunRow.dataset_id == dataset_id)
        if model is not None:
            made = exists().where(ModelRow.run_id == RunRow.id, ModelRow.id == model)
            query = query.where(or_(RunRow.model_name == model, made))
        with self._sessions.read() as session:
            rows, following = newest_first(
                session, query, RunRow.id, prefix="run", limit=limit, after=after
            )
            return Page(data=show_runs(session, rows), next=following)

    def pause(self, project_id: str, run_id: str) -> Run:
        """Put a run aside: a waiting one now, a running one with a checkpoint.

        Raises:
            NotFoundError: no such run in this project.
            ConflictError: as `verbs.pause`.
        """
        return self._say(project_id, run_id, verbs.pause)

    def resume(self, project_id: str, run_id: str) -> Run:
        """Let a paused run go on from where it was.

        Raises:
            NotFoundError: no such run in this project.
            ConflictError: as `verbs.resume`.
        """
        return self._say(project_id, run_id, verbs.resume)

    def stop(self, project_id: str, run_id: str) -> Run:
        """End a run with the epoch it is in and keep its model.

        Raises:
            NotFoundError: no such run in this project.
            ConflictError: as `verbs.stop`.
        """
        return self._say(project_id, run_id, verbs.stop)

    def cancel(self, project_id: str, run_id: str) -> Run:
        """Cancel a run: a waiting one now, a running one by its next heartbeat.

        Raises:
            NotFoundError: no such run in this project.
            ConflictError: as `verbs.cancel`.
        """
        return self._say(project_id, run_id, verbs.cancel)

    def delete(self, project_id: str, run_id: str) -> None:
        """Delete a finished run with its events, metrics and checkpoints; its model stays.

        Raises:
            NotFoundError: no such run in this project.
            ConflictError: `run_not_finished`.
        """
        with self._sessions.begin() as session:
            row = _find(session, project_id, run_id, lock=True)
            if row.status not in TERMINAL:
                detail = f"The run is {row.status}; cancel it first."
                raise ConflictError("run_not_finished", detail)
            session.execute(delete(RunRow).where(RunRow.id == run_id))

    def provenance(self, project_id: str, run_id: str) -> Provenance:
        """Return what a run's weights come from.

        Raises:
            NotFoundError: no such run in this project.
        """
        with self._sessions.read() as session:
            return provenance_of(session, _find(session, project_id, run_id))

    def metrics(
        self, project_id: str, run_id: str, *, max_points: int | None = None
    ) -> MetricSeries:
        """Return a run's curves, at `max_points` of its epochs where it has more.

        Raises:
            NotFoundError: no such run in this project.
        """
        with self._sessions.read() as session:
            _find(session, project_id, run_id)
            return curves.curves(session, run_id, max_points)

    def checkpoints(
        self,
        project_id: str,
        run_id: str,
        *,
        limit: int = DEFAULT_LIMIT,
        after: str | None = None,
    ) -> Page[Checkpoint]:
        """Return a run's checkpoints, newest first.

        Raises:
            NotFoundError: no such run in this project.
        """
        query = select(CheckpointRow).where(
            CheckpointRow.run_id == run_id, CheckpointRow.kind != parents.KIND
        )
        with self._sessions.read() as session:
            _find(session, project_id, run_id)
            rows, following = newest_first(
                session, query, CheckpointRow.id, prefix="ckpt", limit=limit, after=after
            )
            return Page(data=[show_checkpoint(row) for row in rows], next=following)

    def checkpoint(self, project_id: str, checkpoint_id: str) -> Checkpoint:
        """Return a checkpoint.

        Raises:
            NotFoundError: no such checkpoint in this project.
        """
        with self._sessions.read() as session:
            return show_checkpoint(find_checkpoint(session, project_id, checkpoint_id)[0])

    def checkpoint_weights(self, project_id: str, checkpoint_id: str) -> bytes:
        """Return the weights as safetensors.

        Raises:
            NotFoundError: no such checkpoint in this project.
            ConflictError: `no_weights`, an earlier version saved it without the tensors' names.
            CheckpointCorruptError: the stored bytes are not those that were saved.
        """
        with self._sessions.read() as session:
            row, _ = find_checkpoint(session, project_id, checkpoint_id)
        return checkpointing.weights(self._sessions, self._blobs, row)

    def _queue(
        self,
        project_id: str,
        planned: admission.Planned,
        idempotency: IdempotencyClaim | None,
    ) -> Run:
        with self._sessions.begin() as session:
            admission.admit(session, project_id, planned.spec.dataset_id, self._limits)
            row = admission.queued_run(project_id, planned, self._limits)
            session.add(row)
            session.flush()
            if planned.beginning is not None:
                parents.begin(session, self._blobs, row, planned.beginning)
            told = [status_event(None, "queued"), *admission.events_of(planned)]
            journal.append(session, row.id, told)
            bells = self._bells.choose(session, RunRow.id == row.id)
            session.refresh(row)
            [run] = show_runs(session, [row])
            location = f"/v1/runs/{run.id}"
            fulfil(session, idempotency, status=202, resource=run, location=location)
        # After the transaction: a worker that was quicker would find no run.
        self._bells.ring(bells)
        return run

    def _say(self, project_id: str, run_id: str, verb: Callable[[Session, RunRow], None]) -> Run:
        with self._sessions.begin() as session:
            row = _find(session, project_id, run_id, lock=True)
            verb(session, row)
            waits = row.status == "queued"
            bells = self._bells.choose(session, RunRow.id == row.id) if waits else []
            [run] = show_runs(session, [row])
        self._bells.ring(bells)
        return run


def _find(session: Session, project_id: str, run_id: str, *, lock: bool = False) -> RunRow:
    query = select(RunRow).where(RunRow.project_id == project_id, RunRow.id == run_id)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFoundError("run")
    return row
