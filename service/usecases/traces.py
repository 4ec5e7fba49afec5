"""Traces: one step of a training taken apart, on rows of the user's own; nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from service.errors import InvalidRequestError, NotFoundError, Problem, UnavailableError
from service.ids import has_shape
from service.schemas.networks import NetworkIn
from service.schemas.runs import RunSpec
from service.schemas.trace import Trace
from service.store.tables import CheckpointRow, DatasetRow, NetworkRow, RunRow
from service.usecases.trace_wishes import check_whole, model_wish, row_numbers, written_rows
from workers.engine.spec import NetworkSpec
from workers.modelling.plan import PlanError, PlanLimits
from workers.modelling.recipes import resolve
from workers.modelling.trace import Traced, trace
from workers.modelling.trace_rows import profile_of, table_like, table_of
from workers.tabular.errors import TableError
from workers.tabular.parquet import read_table
from workers.tabular.profile import TableProfile

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy.orm import Session

    from service.schemas.trace import TraceRequest
    from service.settings import Limits
    from service.store.blobs import Blobs
    from service.store.db import Sessions
    from workers.modelling.plan import ModelPlan

# A trace computes for up to some seconds; predictions of the same process go on beside so many.
AT_ONCE = 2
TURN_SECONDS = 5.0


@dataclass(frozen=True)
class _Stored:
    """What a request names: a run with a checkpoint of it, a table, a network; None for neither."""

    spec: RunSpec | None
    checkpoint: bytes | None
    profile: TableProfile | None
    parquet: bytes | None
    network: NetworkSpec | None


class Traces:
    """Takes steps apart."""

    def __init__(
        self,
        sessions: Sessions,
        blobs: Blobs,
        limits: Limits,
        *,
        at_once: int = AT_ONCE,
        turn_s: float = TURN_SECONDS,
    ) -> None:
        """Take at most `at_once` apart at a time; who waits longer than `turn_s` is sent away."""
        self._sessions = sessions
        self._blobs = blobs
        self._limits = limits
        self._turns = BoundedSemaphore(at_once)
        self._turn_s = turn_s

    def trace(self, project_id: str, wish: TraceRequest) -> Trace:
        """Return the first step of a training, or of one from a checkpoint, in every number.

        Raises:
            NotFoundError: no such checkpoint, dataset or network in this project.
            InvalidRequestError: everything that is wrong with the wish.
            UnavailableError: others' traces take all the time that there is.
        """
        check_whole(wish)
        stored = self._stored(project_id, wish)
        if not self._turns.acquire(timeout=self._turn_s):
            raise UnavailableError("tracer", retry_after_s=1.0)
        try:
            return self._taken_apart(wish, stored)
        except PlanError as error:
            problems = [Problem(p.pointer, p.code, p.detail, p.limit) for p in error.problems]
            raise InvalidRequestError(problems) from None
        except TableError as error:
            raise InvalidRequestError([_problem(error, wish)]) from None
        finally:
            self._turns.release()

    def _taken_apart(self, wish: TraceRequest, stored: _Stored) -> Trace:
        cells: pa.Table | None = None
        if stored.profile is None or stored.parquet is None:
            table = cells = table_of(written_rows(wish))
            profile = profile_of(table, _names(wish.target))
        else:
            profile, table = stored.profile, read_table(stored.parquet)
            if written_rows(wish):
                cells = table_like(written_rows(wish), table)
        has_table = stored.profile is not None
        asked = model_wish(wish, stored.spec, stored.network, has_table=has_table)
        plan = resolve(asked, profile, self._plan_limits())
        found = trace(
            Traced(
                plan=plan,
                table=table,
                cells=cells,
                rows=row_numbers(wish),
                checkpoint=stored.checkpoint,
            )
        )
        return Trace.model_validate(found | {"resolved": _resolved(wish, plan, found)})

    def _plan_limits(self) -> PlanLimits:
        limits = self._limits
        return PlanLimits(
            parameters=min(limits.trace_parameters, limits.model_parameters),
            memory_bytes=limits.run_memory_bytes,
            steps=limits.run_steps,
        )

    def _stored(self, project_id: str, wish: TraceRequest) -> _Stored:
        with self._sessions.read() as session:
            spec = checkpoint = profile = parquet = None
            if wish.checkpoint_id is not None:
                spec, digest = _checkpoint(session, project_id, wish.checkpoint_id)
                checkpoint = self._blobs.get(session, digest)
            dataset_id = wish.dataset_id
            if dataset_id is None and spec is not None:
                dataset_id = spec.dataset_id
            if dataset_id is not None:
                profile, digest = _dataset(session, project_id, dataset_id, self._limits)
                parquet = self._blobs.get(session, digest)
            network = _network(session, project_id, wish.network)
            return _Stored(spec, checkpoint, profile, parquet, network)


def _checkpoint(session: Session, project_id: str, checkpoint_id: str) -> tuple[RunSpec, str]:
    """Return the specification of a checkpoint's run, and the digest of what it holds."""
    row = None
    if has_shape(checkpoint_id, "ckpt"):
        held = (CheckpointRow.weights_sha256, CheckpointRow.state_sha256)
        mine = select(*held, RunRow.spec).join(RunRow, RunRow.id == CheckpointRow.run_id)
        mine = mine.where(RunRow.project_id == project_id, CheckpointRow.id == checkpoint_id)
        row = session.execute(mine).first()
    if row is None:
        raise NotFoundError("checkpoint")
    weights, state, spec = row
    # It holds one of them at least.
    return RunSpec.model_validate_json(spec), weights or state or ""


def _dataset(
    session: Session, project_id: str, dataset_id: str, limits: Limits
) -> tuple[TableProfile, str]:
    """Return a table's profile and the digest of its cells."""
    row = None
    if has_shape(dataset_id, "ds"):
        query = select(DatasetRow.profile, DatasetRow.blob_sha256).where(
            DatasetRow.project_id == project_id,
            DatasetRow.id == dataset_id,
            DatasetRow.deleted_at.is_(None),
        )
        row = session.execute(query).first()
    if row is None:
        raise NotFoundError("dataset")
    profile = TableProfile.from_json(row.profile)
    if profile.rows * len(profile.columns) > limits.trace_cells:
        detail = f"A trace reads the whole table, of at most {limits.trace_cells} cells."
        problem = Problem("/dataset_id", "too_many_cells", detail, limits.trace_cells)
        raise InvalidRequestError([problem])
    return profile, row.blob_sha256


def _network(session: Session, project_id: str, wish: NetworkIn | str | None) -> NetworkSpec | None:
    if not isinstance(wish, str) or not wish.startswith("net_"):
        return None
    mine = NetworkRow.project_id == project_id
    spec = session.scalar(select(NetworkRow.spec).where(mine, NetworkRow.id == wish))
    if spec is None:
        raise NotFoundError("network")
    return NetworkIn.model_validate_json(spec).spec()


def _resolved(wish: TraceRequest, plan: ModelPlan, found: dict[str, Any]) -> dict[str, Any]:
    return {
        "target": plan.target if isinstance(plan.target, str) else list(plan.target),
        "task": plan.task,
        "classes": found.pop("classes"),
        "features": list(plan.features),
        "recipe": plan.recipe,
        "network": plan.network,
        "training": plan.training,
        "preprocessing": plan.preprocessing,
        "seed": plan.seed,
        "checkpoint_id": wish.checkpoint_id,
    }


def _names(target: str | list[str] | None) -> tuple[str, ...]:
    return (target,) if isinstance(target, str) else tuple(target or ())


def _problem(error: TableError, wish: TraceRequest) -> Problem:
    pointer = "/rows" if written_rows(wish) or wish.rows is not None else "/dataset_id"
    detail = f"{error.detail[:1].upper()}{error.detail[1:]}."
    return Problem(pointer, error.code, detail, error.limit)
