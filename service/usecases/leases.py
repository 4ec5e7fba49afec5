"""Leases: the moves of whoever trains a run, each fenced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import exists, func, select, update

from service import VERSION
from service.errors import LeaseLostError
from service.ids import has_shape
from service.schemas.runs import Requested, RunSpec, Status
from service.settings import RUNS_RUNNING
from service.store.instants import db_now
from service.store.tables import CheckpointRow, DatasetRow, RunRow, WorkerRow
from service.usecases import checkpointing, journal, parents, recording, registry, replay_results
from service.usecases.claims import Claim, Level, Orders, Outcome
from service.usecases.finite import finite
from service.usecases.moves import Move, move
from service.usecases.placement import may_take
from service.usecases.provenance import pseudonym

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from service.store.blobs import Blobs
    from service.store.db import Sessions
    from service.usecases.checkpointing import Kept
    from service.usecases.claims import NewEvent, ParentState, ProgressPart

_LEVELS: dict[Status, Level] = {"failed": "error", "cancelled": "warning"}


class Leases:
    """Claims a run, keeps it, records its progress and ends it.

    Every method but `claim` and `copy_dataset` names the fence of the claim, and raises
    `LeaseLostError` once the run is no longer the caller's; nothing is written then. All can be
    repeated after an `UnavailableError`: what had come through already is not done twice (but a
    part's own `events` are told twice, and a run that was given back is no longer the caller's).
    """

    def __init__(
        self,
        sessions: Sessions,
        blobs: Blobs,
        *,
        lease_s: float,
        runs_running: int = RUNS_RUNNING,
    ) -> None:
        """Prepare; `runs_running` is of each project whose operator set no other."""
        self._sessions = sessions
        self._blobs = blobs
        self._lease_s = lease_s
        self._runs_running = runs_running

    def claim(self, run_id: str, worker_id: str) -> Claim | None:
        """Take a queued run; None when it is not there to be taken (any more), or not by this one.

        A run that its project's limit, the worker's memory or its numerics keep waiting is left as
        it was: no attempt, no fence.
        """
        if not has_shape(run_id, "run"):
            return None  # Whoever rang: the broker is not to be believed.
        taken = Move(
            source="queued",
            target="running",
            values={
                "fence": RunRow.fence + 1,
                "attempt": RunRow.attempt + 1,
                "lease_owner": worker_id,
                "lease_until": db_now(self._lease_s),
                "started_at": func.coalesce(RunRow.started_at, db_now()),
            },
            data={"worker": pseudonym(worker_id), "service_version": VERSION},
        )
        due = (RunRow.available_at <= db_now(), RunRow.deadline_at > db_now())
        with self._sessions.begin() as session:
            if not may_take(session, run_id, worker_id, self._runs_running):
                return None
            row = move(session, run_id, taken, *due)
            if row is None:
                return None
            claim = _claim(session, row)
        # Outside the transaction: a large state must not keep others from writing.
        kept = checkpointing.load(self._sessions, self._blobs, run_id, claim["fence"])
        parent, is_parent_lost = self._parent(run_id, claim["spec"], kept)
        return Claim(
            **claim,
            checkpoint=kept.checkpoint,
            initial_weights=kept.initial_weights,
            parent=parent,
            checkpoint_lost=kept.is_lost or is_parent_lost,
        )

    def copy_dataset(self, claim: Claim, file: IO[bytes]) -> None:
        """Write the typed Parquet of a claimed run into a file, in place of what is there.

        Raises:
            IntegrityError: the stored bytes are not those that were uploaded.
        """
        with self._sessions.read() as session:
            self._blobs.copy(session, claim.dataset_sha256, file)

    def heartbeat(self, run_id: str, fence: int) -> Orders:
        """Prolong the lease; return what is asked of the holder."""
        drained = select(WorkerRow.draining).where(WorkerRow.id == RunRow.lease_owner)
        beat = (
            update(RunRow)
            .where(*_held(run_id, fence))
            .values(lease_until=db_now(self._lease_s))
            .returning(RunRow.requested, drained.scalar_subquery(), RunRow.deadline_at <= db_now())
        )
        with self._sessions.begin() as session:
            orders = session.execute(beat).one_or_none()
        if orders is None:
            raise LeaseLostError(run_id, fence)
        requested, drain, overdue = orders
        return Orders(requested, bool(drain), bool(overdue))

    def record(self, run_id: str, fence: int, part: ProgressPart) -> Requested | None:
        """Write a piece of progress: metrics, events and perhaps a checkpoint, in one piece.

        Returns:
            What the user asks of the run, as a heartbeat would bring it.
        """
        with self._sessions.begin() as session:
            row = self._hold(session, run_id, fence)
            recording.record(session, self._blobs, row, part)
            return cast("Requested | None", row.requested)

    def tell(self, run_id: str, fence: int, events: Sequence[NewEvent]) -> None:
        """Append events to the story of the run; beside its training, which may hang."""
        with self._sessions.begin() as session:
            self._hold(session, run_id, fence)
            journal.append(session, run_id, events)

    def finish(self, run_id: str, fence: int, outcome: Outcome) -> None:
        """End the run; doing it again with the same outcome changes nothing.

        A run that its user had cancelled by then ends so, although it had come to its end.
        """
        with self._sessions.begin() as session:
            if _ended_so(session.get(RunRow, run_id), fence, outcome):
                return
            row = self._hold(session, run_id, fence)
            if row.requested == "cancel":
                outcome = Outcome(status="cancelled", stop_reason="user_cancel", last=outcome.last)
            if outcome.last is not None:
                recording.record(session, self._blobs, row, outcome.last)
            if row.replay_of is not None:
                replay_results.compare(session, row, outcome)
            elif outcome.model is not None:
                registry.register(session, self._blobs, row, outcome.model)
            move(session, run_id, _ending(outcome), RunRow.fence == fence)

    def release(self, run_id: str, fence: int, part: ProgressPart | None) -> None:
        """Give the run back with a last checkpoint, because its worker ends; no crash is counted.

        It goes to the queue, or to where its user wished it meanwhile.
        """
        self._give_back(run_id, fence, part, "drained")

    def pause(self, run_id: str, fence: int, part: ProgressPart | None) -> None:
        """Give the run back with a last checkpoint, because its user wished it to pause.

        Where that wish has changed by now the run is cancelled, or goes to the queue: to be
        stopped by another attempt, or to go on.
        """
        self._give_back(run_id, fence, part, "user_resume")

    def _parent(self, run_id: str, spec: RunSpec, kept: Kept) -> tuple[ParentState | None, bool]:
        """Load what a run begins with, if it needs that; tell whether it is lost."""
        if spec.parent is None or kept.checkpoint is not None or kept.is_lost:
            return None, False
        parent = parents.load(self._sessions, self._blobs, run_id, spec.parent)
        return parent, parent is None

    def _give_back(
        self, run_id: str, fence: int, part: ProgressPart | None, queued_because: str
    ) -> None:
        with self._sessions.begin() as session:
            row = self._hold(session, run_id, fence)
            if part is not None:
                recording.record(session, self._blobs, row, part)
            move(session, run_id, _given_back(row, queued_because), RunRow.fence == fence)

    def _hold(self, session: Session, run_id: str, fence: int) -> RunRow:
        """Lock a run that is still the caller's, and prolong its lease."""
        held = (
            update(RunRow)
            .where(*_held(run_id, fence))
            .values(lease_until=db_now(self._lease_s))
            .returning(RunRow)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
        row = session.scalars(held).one_or_none()
        if row is None:
            raise LeaseLostError(run_id, fence)
        return row


def _held(run_id: str, fence: int) -> tuple[ColumnElement[bool], ...]:
    # The fence, not the worker's name: a worker may hold a run, lose it and be given it again.
    return RunRow.id == run_id, RunRow.status == "running", RunRow.fence == fence


def _claim(session: Session, row: RunRow) -> dict[str, Any]:
    initial = exists().where(CheckpointRow.run_id == row.id, CheckpointRow.kind == "initial")
    dataset = select(DatasetRow.blob_sha256, DatasetRow.profile, initial)
    sha256, profile, has_initial = session.execute(
        dataset.where(DatasetRow.id == row.dataset_id)
    ).one()
    return {
        "run_id": row.id,
        "project_id": row.project_id,
        "fence": row.fence,
        "attempt": row.attempt,
        "spec": RunSpec.model_validate_json(row.spec),
        "profile": profile,
        "dataset_sha256": sha256,
        "numerics": row.numerics,
        "requested": row.requested,
        "trained_seconds": row.trained_seconds,
        "has_initial_weights": has_initial,
    }


def _ending(outcome: Outcome) -> Move:
    error = None
    if outcome.error is not None:
        code = outcome.code or outcome.stop_reason
        error = {"code": code, "detail": outcome.error, "param": outcome.param}
    return Move(
        source="running",
        target=outcome.status,
        reason=outcome.stop_reason,
        level=_LEVELS.get(outcome.status, "info"),
        values={
            "error": error,
            "weights_sha256": outcome.weights_sha256,
            "report": finite(outcome.report),
        },
    )


def _ended_so(row: RunRow | None, fence: int, outcome: Outcome) -> bool:
    """Tell whether this very outcome came through before its answer was lost."""
    return (
        row is not None
        and row.fence == fence
        and (
            row.status == "cancelled"
            or (row.status, row.stop_reason, row.weights_sha256)
            == (outcome.status, outcome.stop_reason, outcome.weights_sha256)
        )
    )


def _given_back(row: RunRow, queued_because: str) -> Move:
    # Only who ended a run itself may repeat that; after giving it back the fence is another.
    values: dict[str, Any] = {
        "fence": RunRow.fence + 1,
        "eta_seconds": None,
        "samples_per_second": None,
    }
    if row.requested == "cancel":
        return Move(
            source="running",
            target="cancelled",
            reason="user_cancel",
            level="warning",
            values=values,
        )
    if row.requested == "pause":
        values |= {"requested": None}
        return Move(source="running", target="paused", reason="user_pause", values=values)
    values |= {"available_at": db_now()}
    reason = "user_stop" if row.requested == "stop" else queued_because
    return Move(source="running", target="queued", reason=reason, values=values)
