"""Admission: whether a wish for a run can become one, and the row it becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from service.errors import InvalidRequestError, NotFoundError, Problem, QuotaExceededError
from service.ids import new_id
from service.schemas.networks import NetworkIn
from service.store.broker import QUEUES
from service.store.instants import db_now
from service.store.tables import DatasetRow, NetworkRow, ProjectRow, RunRow
from service.usecases.claims import NewEvent
from service.usecases.plans import plan_run, spec_of
from service.usecases.workers import slots_by_queue

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from service.schemas.runs import RunCreate, RunSpec
    from service.settings import Limits
    from service.store.db import Sessions
    from workers.engine.spec import NetworkSpec
    from workers.modelling.plan import ModelPlan

RETRY_AFTER_S = 10.0


def plan(sessions: Sessions, project_id: str, wish: RunCreate, limits: Limits) -> ModelPlan:
    """Resolve a wish on the profile of its dataset.

    Raises:
        NotFoundError: no such dataset, or network, in this project.
        InvalidRequestError: the wish cannot be granted on this table, or by these workers.
    """
    with sessions.read() as session:
        dataset = session.scalar(_present_dataset(project_id, wish.dataset_id))
        if dataset is None:
            raise NotFoundError("dataset")
        network = _stored_network(session, project_id, wish)
        _require_device(session, wish)
    return plan_run(wish, network, dataset.profile, limits)


def admit(session: Session, project_id: str, dataset_id: str, limits: Limits) -> None:
    """Check what may have changed since the plan, and the project's quota.

    Raises:
        NotFoundError: the dataset was deleted meanwhile.
        QuotaExceededError: too many runs of the project wait already.
    """
    # The project's row makes its creating calls take turns: else each of many at once would
    # count the same runs and find room.
    session.execute(select(ProjectRow.id).where(ProjectRow.id == project_id).with_for_update())
    # The dataset's row, so that it is not deleted before this run is seen to need it.
    dataset = _present_dataset(project_id, dataset_id).with_for_update(read=True)
    if session.scalar(dataset) is None:
        raise NotFoundError("dataset")
    waiting = select(func.count()).where(RunRow.project_id == project_id, RunRow.status == "queued")
    if (session.scalar(waiting) or 0) >= limits.runs_queued:
        detail = f"{limits.runs_queued} runs of this project wait already."
        raise QuotaExceededError("quota_exceeded", detail, retry_after_s=RETRY_AFTER_S)


def queued_run(project_id: str, wish: RunCreate, plan: ModelPlan, limits: Limits) -> RunRow:
    """Return the row of a run that waits for its worker."""
    spec: RunSpec = spec_of(wish, plan)
    return RunRow(
        id=new_id("run"),
        project_id=project_id,
        dataset_id=wish.dataset_id,
        spec=spec.model_dump_json(),
        seed=spec.seed,
        target=spec.target if isinstance(spec.target, str) else ", ".join(spec.target),
        task=spec.task,
        epochs=spec.training.epochs,
        model_name=spec.model,
        labels=spec.labels,
        device=spec.device,
        queue=QUEUES[spec.device],
        deadline_at=db_now(limits.run_seconds),
    )


def warnings_of(plan: ModelPlan) -> list[NewEvent]:
    """Return the events that tell what was decided for the user, or is legal and odd."""
    return [
        NewEvent(
            type="data.warning",
            level="warning",
            message=warning.detail,
            data={"code": warning.code, "column": warning.column},
        )
        for warning in plan.warnings
    ]


def _present_dataset(project_id: str, dataset_id: str) -> Select[DatasetRow]:
    return select(DatasetRow).where(
        DatasetRow.project_id == project_id,
        DatasetRow.id == dataset_id,
        DatasetRow.deleted_at.is_(None),
    )


def _require_device(session: Session, wish: RunCreate) -> None:
    """A run for a device that nobody has would wait for its deadline."""
    if wish.device == "cuda" and not slots_by_queue(session)[QUEUES["cuda"]]:
        detail = 'No worker with a GPU is running. Send "cpu" or "auto", or start one.'
        raise InvalidRequestError([Problem("/device", "device_unavailable", detail)])


def _stored_network(session: Session, project_id: str, wish: RunCreate) -> NetworkSpec | None:
    if not isinstance(wish.network, str) or not wish.network.startswith("net_"):
        return None
    mine = NetworkRow.project_id == project_id
    spec = session.scalar(select(NetworkRow.spec).where(mine, NetworkRow.id == wish.network))
    if spec is None:
        raise NotFoundError("network")
    return NetworkIn.model_validate_json(spec).spec()
