"""One training step of a plan taken apart, from the cells of some rows to the next predictions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from workers.engine import forward, schedules
from workers.engine.kernels.plain import PLAIN
from workers.engine.problem import Problem
from workers.engine.trace.step import trace_step
from workers.modelling.checkpoint_weights import parameters_of
from workers.modelling.codec import CodecError
from workers.modelling.estimator import prepare
from workers.modelling.plan import ModelPlan, PlanError, PlanProblem
from workers.modelling.targets import ClassTarget
from workers.modelling.trace_batch import batch_of, cells_at, truth_of
from workers.modelling.trace_columns import input_columns, target_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engine.spec import TrainingSpec
    from workers.engine.tensors import Array
    from workers.modelling.estimator import Prepared

_SHOWN_INPUTS = 20_000


@dataclass(frozen=True, kw_only=True)
class Traced:
    """What to take apart.

    The preprocessing is fitted on the rows of `table` that the plan trains on. The step is taken on
    `cells`, rows with the columns of the table, or on the numbered `rows` of it, or on the first
    few that train. `checkpoint` holds weights or a training's state; without it the step is the
    first from the initial parameters of the plan's seed.
    """

    plan: ModelPlan
    table: pa.Table
    cells: pa.Table | None = None
    rows: tuple[int, ...] | None = None
    checkpoint: bytes | None = None


def trace(traced: Traced) -> dict[str, Any]:
    """The step as plain data: that of `trace_step`, with inputs and answers in the data's terms.

    Computed in float64 whatever the plan's precision, with the optimiser's moments at 0. PlanError
    where rows or checkpoint do not fit, TableError where the table is not the plan's.
    """
    plan = traced.plan
    _check_traceable(plan)
    training = plan.training
    prepared = prepare(traced.table, replace(plan, training=replace(training, precision="float64")))
    cells = traced.cells
    if cells is None:
        cells = cells_at(traced.table, traced.rows, prepared)
    truth = truth_of(prepared, cells)
    data = batch_of(prepared, cells, truth)
    rate = _first_rate(training, len(prepared.data.X))
    problem = Problem(
        prepared.network, data, _one_step(training, rate, len(data.X)), plan.seed, PLAIN
    )
    parameters = _parameters(prepared, traced.checkpoint)
    found, after = trace_step(problem, parameters)
    schedule = training.schedule
    return found | {
        "classes": _labels(prepared),
        "inputs": _inputs(prepared, data.X),
        "loss": found["loss"] | {"target_columns": target_columns(plan.target, prepared.target)},
        "update": found["update"]
        | {
            "learning_rate": {
                "base": training.optimizer.learning_rate,
                "schedule": None if schedule is None else schedule.type,
                "formula": None if schedule is None else schedule.formula.formula,
                "value": rate,
            },
            "max_norms": {
                tensor.tensor: tensor.max_norm
                for tensor in prepared.network.regularized
                if tensor.max_norm is not None
            },
        },
        "predictions": _predictions(prepared, truth, data.X, (parameters, after)),
        "notes": list(_notes(traced, found)),
    }


def _check_traceable(plan: ModelPlan) -> None:
    if plan.network.members > 1:
        detail = "The members of a network are not taken apart: trace it with one member."
        raise PlanError([PlanProblem("/network/members", "not_traceable", detail, 1)])


def _first_rate(training: TrainingSpec, n_train: int) -> float:
    """The learning rate of the first step that the plan's training takes."""
    batches = math.ceil(n_train / training.batch_size)
    per_epoch = math.ceil(batches / training.accumulate)
    steps = np.array([1], np.int64)
    rates = schedules.rates(
        training.schedule,
        training.optimizer.learning_rate,
        steps,
        per_epoch,
        training.epochs * per_epoch,
    )
    return float(rates[0])


def _one_step(training: TrainingSpec, rate: float, n_rows: int) -> TrainingSpec:
    return replace(
        training,
        epochs=1,
        batch_size=n_rows,
        optimizer=replace(training.optimizer, learning_rate=rate),
        schedule=None,
        early_stopping=None,
        accumulate=1,
        shuffle=False,
        precision="float64",
    )


def _parameters(prepared: Prepared, checkpoint: bytes | None) -> Array:
    if checkpoint is None:
        return prepared.network.initial_parameters(prepared.plan.seed, np.float64)
    try:
        parameters: Array = parameters_of(checkpoint, prepared.network)[0]
    except CodecError as error:
        detail = "The checkpoint's tensors are not those of this network, or of an ensemble of it."
        problem = PlanProblem("/checkpoint_id", "checkpoint_mismatch", detail)
        raise PlanError([problem]) from error
    return parameters


def _labels(prepared: Prepared) -> list[str] | None:
    target = prepared.target
    return list(target.labels) if isinstance(target, ClassTarget) else None


def _inputs(prepared: Prepared, X: Array) -> dict[str, Any]:
    shown = max(1, _SHOWN_INPUTS // len(X))
    return {
        "shape": list(X.shape),
        "columns": input_columns(prepared.preprocessing)[:shown],
        "values": X[:, :shown].tolist(),
    }


def _predictions(
    prepared: Prepared, truth: NDArray[Any], X: Array, parameters: tuple[Array, Array]
) -> list[dict[str, Any]]:
    """For each row its truth, and what a model with the parameters before and after says of it."""
    target = prepared.target
    answers = [forward.outputs(prepared.network, vector, X) for vector in parameters]
    if isinstance(target, ClassTarget):
        truths: list[Any] = [target.labels[place] for place in truth]
        told = [_likeliest(target, outputs) for outputs in answers]
    else:
        truths = _by_target(prepared, truth)
        told = [_by_target(prepared, target.decode(outputs)) for outputs in answers]
    return [
        {"truth": of_row, "before": before, "after": after}
        for of_row, before, after in zip(truths, *told, strict=True)
    ]


def _likeliest(target: ClassTarget, outputs: Array) -> list[dict[str, Any]]:
    probabilities = target.probabilities(outputs)
    return [
        {"label": target.labels[place], "probability": _finite(float(row[place]))}
        for row, place in zip(probabilities, probabilities.argmax(axis=1), strict=True)
    ]


def _by_target(prepared: Prepared, values: NDArray[np.float64]) -> list[Any]:
    """One number for each row, or the numbers by target where there are several."""
    plan = prepared.plan
    rows = [[_finite(value) for value in row] for row in values.tolist()]
    if isinstance(plan.target, str):
        return [row[0] for row in rows]
    return [dict(zip(plan.target, row, strict=True)) for row in rows]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _notes(traced: Traced, found: dict[str, Any]) -> list[str]:
    training, gradients = traced.plan.training, found["gradients"]
    kinds = {layer["type"] for layer in found["layers"]}
    n_kinks = sum(len(tensor["at_kink"]) for tensor in gradients["tensors"])
    said = {
        f"Computed in float64; a run of this plan computes in {training.precision}.": (
            training.precision != "float64"
        ),
        "The optimiser starts afresh: its moments are 0, and this is its step 1.": True,
        "Dropout draws the masks of step 1; predictions are made without it.": "dropout" in kinds,
        "Batch norm goes by these rows; predictions go by the running statistics.": (
            "batch_norm" in kinds
        ),
        f"A run adds up {training.accumulate} such batches for a step.": training.accumulate > 1,
        f"Shown are {gradients['checked']} of {gradients['parameters']} parameters.": (
            gradients["checked"] < gradients["parameters"]
        ),
        f"{n_kinks} parameters stand at a kink of the loss: its slope depends on the side.": (
            n_kinks > 0
        ),
    }
    return [sentence for sentence, holds in said.items() if holds]
