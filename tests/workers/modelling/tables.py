"""CSV text and files as the profile and the table that a run is given."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from workers.engine.training import EpochReport, TrainingState, train
from workers.modelling.estimator import FittedModel, Prepared, prepare
from workers.modelling.plan import ModelPlan, ModelWish, PlanError, PlanLimits, PlanProblem
from workers.modelling.recipes import resolve
from workers.tabular.ingest import ingest
from workers.tabular.options import IngestOptions
from workers.tabular.parquet import read_table
from workers.tabular.profile import TableProfile

if TYPE_CHECKING:
    from collections.abc import Iterable


PENGUINS = Path(__file__).parents[3] / "examples" / "penguins.csv"


@dataclass(frozen=True)
class Ingested:
    """A table as it is stored, with what the API knows of it."""

    profile: TableProfile
    table: pa.Table


@dataclass(frozen=True)
class Trained:
    """A training that has ended."""

    prepared: Prepared
    state: TrainingState
    reports: list[EpochReport]
    model: FittedModel


def ingested(source: str | Path) -> Ingested:
    """The CSV text or file after ingest."""
    with tempfile.TemporaryDirectory() as folder:
        upload, out = Path(folder, "upload.csv"), Path(folder, "table.parquet")
        upload.write_text(source.read_text() if isinstance(source, Path) else source)
        profile = ingest(upload, IngestOptions(), out)
        return Ingested(profile, read_table(out.read_bytes()))


def csv_of(header: str, rows: Iterable[Iterable[object]]) -> str:
    """CSV text; None is written as a missing cell."""
    lines = (",".join("NA" if cell is None else str(cell) for cell in row) for row in rows)
    return "\n".join([header, *lines]) + "\n"


def trained(data: Ingested, wish: ModelWish) -> Trained:
    """Train what the wish resolves to, from the first epoch to the last."""
    return trained_plan(data.table, resolve(wish, data.profile))


def trained_plan(table: pa.Table, plan: ModelPlan) -> Trained:
    """Train a plan, from the first epoch to the last; of an ensemble the first member."""
    plan = replace(plan, training=replace(plan.training, members=1))
    prepared = prepare(table, plan)
    state = TrainingState.initial(prepared.network, plan.training, plan.seed)
    steps = train(prepared.network, state, prepared.data, plan.training, plan.seed)
    reports = [step.report for step in steps if step.report is not None]
    model = prepared.fitted(state.final_parameters(plan.training))
    return Trained(prepared, state, reports, model)


def problems_of(
    data: Ingested, wish: ModelWish, limits: PlanLimits | None = None
) -> list[PlanProblem]:
    """What forbids the wish; empty where it can be granted."""
    try:
        resolve(wish, data.profile, limits or PlanLimits())
    except PlanError as error:
        return list(error.problems)
    return []


def codes_of(data: Ingested, wish: ModelWish, limits: PlanLimits | None = None) -> set[str]:
    """The problems as "pointer code"."""
    return {f"{p.pointer} {p.code}" for p in problems_of(data, wish, limits)}
