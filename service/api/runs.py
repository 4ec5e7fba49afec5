"""Runs over HTTP."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from service.api import examples, replay_examples, report_examples
from service.api.auth import Reader, Writer
from service.api.bodies import Body, NoBody, json_body
from service.api.creation import Creation, IdempotencyKey
from service.api.openapi import describe
from service.api.paging import Paged, PageQuery
from service.api.parts import Given, Parts
from service.api.paths import RunId
from service.schemas.provenance import Provenance
from service.schemas.reports import Report
from service.schemas.runs import Checkpoint, MetricSeries, ReplayWish, Run, RunCreate, Status
from service.schemas.wire import Page
from service.usecases.idempotency import IdempotencyClaim

_VERB_PROBLEMS = (404, 409, 415, 422)

router = APIRouter(prefix="/v1/runs", tags=["runs"])


# PostgreSQL takes no NUL in a text.
Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]


class RunsQuery(PageQuery):
    """Which runs."""

    status: Status | None = None
    dataset_id: Text | None = None
    model: Text | None = Field(None, description="The name they register under.")


@router.post(
    "", status_code=202, response_model=Run, summary="Train",
    **describe(
        "runs_create", problems=(404, 409, 415, 422), example=examples.RUN,
        bodies={"application/json": {"schema": RunCreate, "example": examples.RUN_CREATE}},
    ),
)  # fmt: skip
def create_run(
    parts: Given,
    principal: Writer,
    key: IdempotencyKey,
    body: Annotated[Body[RunCreate], json_body(RunCreate)],
) -> Response:
    """Queue a training; once this answers, it will happen, whatever happens to the broker."""
    creation = Creation(parts, principal, key, body.fingerprint)
    create = partial(_create, parts, principal.project_id, body.value)
    return creation.answer(202, "/v1/runs", create)


def _create(parts: Parts, project_id: str, wish: RunCreate, claim: IdempotencyClaim | None) -> Run:
    return parts.runs.create(project_id, wish, idempotency=claim)


@router.get(
    "", summary="List runs",
    **describe("runs_list", problems=(422,), example=examples.page(examples.RUN)),
)  # fmt: skip
def list_runs(parts: Given, principal: Reader, query: Annotated[RunsQuery, Query()]) -> Page[Run]:
    """Return runs, newest first."""
    query.checked("run", parts.limits)
    return parts.runs.list(
        principal.project_id,
        status=query.status,
        dataset_id=query.dataset_id,
        model=query.model,
        limit=query.limit,
        after=query.after,
    )


@router.get(
    "/{run_id}", summary="Look at a run",
    **describe("runs_get", problems=(404,), example=examples.RUN),
)  # fmt: skip
def get_run(parts: Given, principal: Reader, run_id: RunId) -> Run:
    """Return a run."""
    return parts.runs.get(principal.project_id, run_id)


@router.post(
    "/{run_id}/pause", status_code=200, summary="Put a run aside", dependencies=[NoBody],
    **describe("runs_pause", problems=_VERB_PROBLEMS, example=examples.RUN),
)  # fmt: skip
def pause_run(parts: Given, principal: Writer, run_id: RunId) -> Run:
    """Ask a run to save where it stands and wait to be resumed."""
    return parts.runs.pause(principal.project_id, run_id)


@router.post(
    "/{run_id}/resume", status_code=200, summary="Let a run go on", dependencies=[NoBody],
    **describe("runs_resume", problems=_VERB_PROBLEMS, example=examples.RUN),
)  # fmt: skip
def resume_run(parts: Given, principal: Writer, run_id: RunId) -> Run:
    """Queue a paused run, which goes on from where it was; or take the wish to pause back."""
    return parts.runs.resume(principal.project_id, run_id)


@router.post(
    "/{run_id}/stop", status_code=200, summary="End a run with its model", dependencies=[NoBody],
    **describe("runs_stop", problems=_VERB_PROBLEMS, example=examples.RUN),
)  # fmt: skip
def stop_run(parts: Given, principal: Writer, run_id: RunId) -> Run:
    """Ask a run to end with the epoch it is in and keep the model; at once where none began."""
    return parts.runs.stop(principal.project_id, run_id)


@router.post(
    "/{run_id}/cancel", status_code=200, summary="Cancel a run", dependencies=[NoBody],
    **describe("runs_cancel", problems=_VERB_PROBLEMS, example=examples.RUN),
)  # fmt: skip
def cancel_run(parts: Given, principal: Writer, run_id: RunId) -> Run:
    """Ask a run to end now; its last checkpoint stays."""
    return parts.runs.cancel(principal.project_id, run_id)


@router.post(
    "/{run_id}/replay", status_code=202, response_model=Run, summary="Do a run again",
    **describe(
        "runs_replay", problems=_VERB_PROBLEMS, example=replay_examples.REPLAY,
        bodies={"application/json": {"schema": ReplayWish, "example": replay_examples.WISH}},
        is_body_required=False,
    ),
)  # fmt: skip
def replay_run(
    parts: Given,
    principal: Writer,
    key: IdempotencyKey,
    run_id: RunId,
    body: Annotated[Body[ReplayWish], json_body(ReplayWish, is_required=False)],
) -> Response:
    """Queue a run that repeats this one and says, when it ends, whether every bit is the same."""
    creation = Creation(parts, principal, key, body.fingerprint)
    replay = partial(_replay, parts, principal.project_id, run_id, body.value)
    return creation.answer(202, "/v1/runs", replay)


def _replay(
    parts: Parts, project_id: str, run_id: str, wish: ReplayWish, claim: IdempotencyClaim | None
) -> Run:
    return parts.runs.replay(project_id, run_id, wish, idempotency=claim)


@router.get(
    "/{run_id}/provenance", summary="What its weights come from",
    **describe("runs_provenance", problems=(404,), example=replay_examples.PROVENANCE),
)  # fmt: skip
def get_provenance(parts: Given, principal: Reader, run_id: RunId) -> Provenance:
    """Return the specification, digests, numerics and attempts that a run's weights come from."""
    return parts.runs.provenance(principal.project_id, run_id)


@router.delete(
    "/{run_id}", status_code=204, summary="Delete a run",
    **describe("runs_delete", problems=(404, 409)),
)  # fmt: skip
def delete_run(parts: Given, principal: Writer, run_id: RunId) -> None:
    """Delete a finished run with its metrics, events and checkpoints; its model stays."""
    parts.runs.delete(principal.project_id, run_id)


@router.get(
    "/{run_id}/metrics", summary="The learning curve",
    **describe("runs_metrics", problems=(404, 422), example=examples.METRICS),
)  # fmt: skip
def get_metrics(
    parts: Given,
    principal: Reader,
    run_id: RunId,
    max_points: Annotated[int | None, Query(ge=2, le=10_000)] = None,
) -> MetricSeries:
    """Return one continuous curve per metric, across crash and resume."""
    return parts.runs.metrics(principal.project_id, run_id, max_points=max_points)


@router.get(
    "/{run_id}/checkpoints", summary="List checkpoints",
    **describe("runs_checkpoints", problems=(404, 422),
               example=examples.page(examples.CHECKPOINT)),
)  # fmt: skip
def list_checkpoints(
    parts: Given, principal: Reader, run_id: RunId, query: Paged
) -> Page[Checkpoint]:
    """Return checkpoints, newest first; that of epoch 0 is always kept."""
    page = query.checked("ckpt", parts.limits)
    return parts.runs.checkpoints(principal.project_id, run_id, limit=page.limit, after=page.after)


@router.get(
    "/{run_id}/report", summary="The evaluation", response_model_exclude_unset=True,
    **describe("runs_report", problems=(404, 409), example=report_examples.REPORT),
)  # fmt: skip
def get_report(parts: Given, principal: Reader, run_id: RunId) -> Report:
    """Return how well the model does on rows that it did not see, beside baselines."""
    return parts.reports.of_run(principal.project_id, run_id)
