"""Admission: whether a wish for a run can become one, and the row it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from service.errors import NotFoundError, QuotaExceededError
from service.ids import new_id
from service.schemas.networks import NetworkIn
from service.schemas.runs import Replay, RunSpec
from service.store.broker import QUEUES
from service.store.instants import db_now
from service.store.tables import DatasetRow, NetworkRow, ProjectRow, RunRow
from service.usecases.claims import NewEvent
from service.usecases.continuation import Beginning, begin_with, inherited
from service.usecases.continuation_checks import OnTable, check_wish, checked
from service.usecases.plans import plan_of, plan_run, spec_of
from service.usecases.resources import choose_device, estimate
from workers.modelling.plan import PlanWarning
from workers.tabular.profile import TableProfile

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from service.schemas.runs import RunCreate, RunWish
    from service.settings import Limits
    from service.store.blobs import Blobs
    from service.store.db import Sessions
    from workers.engine.spec import NetworkSpec

RETRY_AFTER_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A run with nothing left to decide."""

    spec: RunSpec
    priority: int
    memory_bytes: int
    """Estimate of what training takes."""
    warnings: tuple[PlanWarning, ...] = ()
    beginning: Beginning | None = None
    replay: Replay | None = None


def plan(
    sessions: Sessions, blobs: Blobs, project_id: str, asked: RunCreate, limits: Limits
) -> Planned:
    """Resolve a wish on the profile of its dataset, and on the workers that live.

    Raises:
        NotFoundError: no such dataset, network or checkpoint in this project.
        InvalidRequestError: the wish cannot be granted on this table, by these workers, or from
            this checkpoint.
    """
    with sessions.read() as session:
        beginning = begin_with(session, project_id, asked.parent) if asked.parent else None
        wish = inherited(asked, beginning)
        if beginning is not None and beginning.goes_on:
            check_wish(beginning, wish)
        dataset = session.scalar(_present_dataset(project_id, wish.dataset_id))
        if dataset is None:
            raise NotFoundError("dataset")
        network = _stored_network(session, project_id, wish)
        resolved = plan_run(wish, network, dataset.profile, limits)
        profile = TableProfile.from_json(dict(dataset.profile))
        if beginning is not None:
            resolved = beginning.named_as_before(resolved)
            beginning = checked(session, blobs, beginning, wish, OnTable(resolved, profile))
        needs = estimate(session, resolved, profile)
        device = choose_device(session, wish.device, needs)
    return Planned(
        spec=spec_of(wish, resolved, device, beginning.parent if beginning else None),
        priority=wish.priority,
        memory_bytes=needs.memory_bytes,
        warnings=resolved.warnings,
        beginning=beginning,
    )


def replanned(
    session: Session,
    original: RunRow,
    spec: RunSpec,
    beginning: Beginning | None,
    replay: Replay,
) -> Planned:
    """Resolve the repetition of a run on the workers that live.

    Raises:
        NotFoundError: the dataset is deleted.
        InvalidRequestError: no worker can take it.
    """
    dataset = session.scalar(_present_dataset(original.project_id, original.dataset_id))
    if dataset is None:
        raise NotFoundError("dataset")
    needs = estimate(session, plan_of(spec), TableProfile.from_json(dict(dataset.profile)))
    choose_device(session, spec.device, needs)
    return Planned(
        spec=spec,
        priority=original.priority,
        memory_bytes=needs.memory_bytes,
        beginning=beginning,
        replay=replay,
    )


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


def queued_run(project_id: str, planned: Planned, limits: Limits) -> RunRow:
    """Return the row of a run that waits for its worker."""
    spec = planned.spec
    return RunRow(
        id=new_id("run"),
        project_id=project_id,
        dataset_id=spec.dataset_id,
        spec=spec.model_dump_json(),
        seed=spec.seed,
        target=spec.target if isinstance(spec.target, str) else ", ".join(spec.target),
        task=spec.task,
        epochs=spec.training.epochs,
        model_name=spec.model,
        parent=spec.parent and spec.parent.model_dump(),
        replay_of=planned.replay and planned.replay.of,
        replay=planned.replay and planned.replay.model_dump(),
        labels=spec.labels,
        device=spec.device,
        queue=QUEUES[spec.device],
        priority=planned.priority,
        memory_bytes=planned.memory_bytes,
        deadline_at=db_now(limits.run_seconds),
    )


def events_of(planned: Planned) -> list[NewEvent]:
    """Return the events that tell what was decided for the user, and why, or is legal and odd."""
    return [*_reasons(planned.spec), *_warnings(planned)]


def _reasons(spec: RunSpec) -> list[NewEvent]:
    if not spec.reasons:
        return []
    data = {"code": "recipe", "recipe": spec.recipe, "reasons": spec.reasons}
    return [NewEvent("log", " ".join(spec.reasons), data=data)]


def _warnings(planned: Planned) -> list[NewEvent]:
    return [
        NewEvent(
            type="data.warning",
            level="warning",
            message=warning.detail,
            data={"code": warning.code, "column": warning.column},
        )
        for warning in planned.warnings
    ]


def _present_dataset(project_id: str, dataset_id: str) -> Select[DatasetRow]:
    return select(DatasetRow).where(
        DatasetRow.project_id == project_id,
        DatasetRow.id == dataset_id,
        DatasetRow.deleted_at.is_(None),
    )


def _stored_network(session: Session, project_id: str, wish: RunWish) -> NetworkSpec | None:
    if not isinstance(wish.network, str) or not wish.network.startswith("net_"):
        return None
    mine = NetworkRow.project_id == project_id
    spec = session.scalar(select(NetworkRow.spec).where(mine, NetworkRow.id == wish.network))
    if spec is None:
        raise NotFoundError("network")
    return NetworkIn.model_validate_json(spec).spec()
