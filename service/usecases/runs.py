"""Runs as their owner moves them: create, look, cancel, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, or_, select

from service.errors import ConflictError, NotFoundError
from service.schemas.runs import TERMINAL
from service.schemas.wire import Page
from service.store.tables import CheckpointRow, ModelRow, RunRow
from service.usecases import admission, curves, journal
from service.usecases.bells import Bells
from service.usecases.claims import NewEvent
from service.usecases.idempotency import fulfil
from service.usecases.moves import Move, move, status_event
from service.usecases.paging import DEFAULT_LIMIT, newest_first
from service.usecases.run_views import show_checkpoint, show_runs

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.schemas.runs import Checkpoint, MetricSeries, Run, RunCreate, Status
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
        self._bells = Bells(sessions, broker)
        self._limits = limits

    def create(
        self, project_id: str, wish: RunCreate, *, idempotency: IdempotencyClaim | None = None
    ) -> Run:
        """Queue a run; it is durable when this returns, whatever the broker does.

        Raises:
            NotFoundError: no such dataset, or network, in this project.
            InvalidRequestError: the wish cannot be granted on this table.
            QuotaExceededError: too many runs of the project wait already.
        """
        plan = admission.plan(self._sessions, project_id, wish, self._limits)
        with self._sessions.begin() as session:
            admission.admit(session, project_id, wish.dataset_id, self._limits)
            row = admission.queued_run(project_id, wish, plan, self._limits)
            session.add(row)
            session.flush()
            told = [status_event(None, "queued"), *admission.warnings_of(plan.plan)]
            journal.append(session, row.id, told)
            bells = self._bells.choose(session, RunRow.id == row.id)
            session.refresh(row)
            [run] = show_runs(session, [row])
            location = f"/v1/runs/{run.id}"
            fulfil(session, idempotency, status=202, resource=run, location=location)
        # After the transaction: a worker that was quicker would find no run.
        self._bells.ring(bells)
        return run

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

    def cancel(self, project_id: str, run_id: str) -> Run:
        """Cancel a run: a waiting one now, a running one by its next heartbeat.

        Raises:
            NotFoundError: no such run in this project.
            ConflictError: `run_finished`, it ended otherwise.
        """
        with self._sessions.begin() as session:
            row = _find(session, project_id, run_id, lock=True)
            if row.status == "running":
                _request_cancel(session, row)
            elif row.status == "queued":
                move(session, row.id, _CANCEL_QUEUED)
            elif row.status == "paused":
                move(session, row.id, _CANCEL_PAUSED)
            elif row.status != "cancelled":
                raise ConflictError("run_finished", f"The run is {row.status} already.")
            [run] = show_runs(session, [row])
            return run

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
        query = select(CheckpointRow).where(CheckpointRow.run_id == run_id)
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
            return show_checkpoint(_find_checkpoint(session, project_id, checkpoint_id))

    def checkpoint_weights(self, project_id: str, checkpoint_id: str) -> bytes:
        """Return the weights as safetensors.

        Raises:
            NotFoundError: no such checkpoint in this project.
            ConflictError: `no_weights`, it holds the training's state alone.
            IntegrityError: the stored bytes are not those that were saved.
        """
        with self._sessions.read() as session:
            row = _find_checkpoint(session, project_id, checkpoint_id)
            if row.weights_sha256 is None:
                detail = "It is a state to go on from; epoch 0 and the last have weights."
                raise ConflictError("no_weights", detail)
            return self._blobs.get(session, row.weights_sha256)


_CANCEL_QUEUED = Move(source="queued", target="cancelled", reason="user_cancel", level="warning")
_CANCEL_PAUSED = Move(source="paused", target="cancelled", reason="user_cancel", level="warning")


def _find(session: Session, project_id: str, run_id: str, *, lock: bool = False) -> RunRow:
    query = select(RunRow).where(RunRow.project_id == project_id, RunRow.id == run_id)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFoundError("run")
    return row


def _find_checkpoint(session: Session, project_id: str, checkpoint_id: str) -> CheckpointRow:
    mine = select(CheckpointRow).join(RunRow, RunRow.id == CheckpointRow.run_id)
    mine = mine.where(RunRow.project_id == project_id, CheckpointRow.id == checkpoint_id)
    row = session.scalar(mine)
    if row is None:
        raise NotFoundError("checkpoint")
    return row


def _request_cancel(session: Session, row: RunRow) -> None:
    if row.requested != "cancel":
        row.requested = "cancel"
        session.flush()
        journal.append(session, row.id, [NewEvent("log", "Its owner asked to cancel the run.")])
        session.refresh(row)
