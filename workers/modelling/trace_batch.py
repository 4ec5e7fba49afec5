"""The rows of a trace as one batch: as a run would read, encode and weigh them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.problem import TrainingData
from workers.modelling.plan import PlanError, PlanProblem
from workers.modelling.row_weights import RowWeights
from workers.modelling.targets import ClassTarget, read_classes
from workers.tabular.features import numbers_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from workers.modelling.estimator import Prepared

DEFAULT_ROWS = 8


def cells_at(table: pa.Table, rows: tuple[int, ...] | None, prepared: Prepared) -> pa.Table:
    """These rows of a table, from 0, or the first few that train. PlanError beyond its end."""
    n_rows = table.num_rows
    if rows is None:
        return table.take(np.sort(prepared.split.train)[:DEFAULT_ROWS])
    beyond = [place for place, row in enumerate(rows) if row >= n_rows]
    if beyond:
        detail = f"The table has {n_rows} rows, counted from 0."
        raise PlanError(
            [PlanProblem(f"/rows/{place}", "out_of_range", detail, n_rows - 1) for place in beyond]
        )
    return table.take(list(rows))


def truth_of(prepared: Prepared, cells: pa.Table) -> NDArray[Any]:
    """The target of the cells, as in `HeldOut`. PlanError where it is missing, or unknown."""
    plan = prepared.plan
    missing = np.zeros(cells.num_rows, np.bool_)
    for name in plan.targets:
        missing |= cells[name].is_null().to_numpy()
    if missing.any():
        detail = "Without a target there is nothing to learn from the row."
        rows = np.flatnonzero(missing).tolist()
        raise PlanError([PlanProblem(f"/rows/{row}", "missing_target", detail) for row in rows])
    if not isinstance(prepared.target, ClassTarget):
        return np.column_stack([numbers_of(cells[name]) for name in plan.targets])
    labels, places = read_classes(cells[plan.targets[0]])
    known = {label: place for place, label in enumerate(prepared.target.labels)}
    unknown = [row for row, place in enumerate(places) if labels[place] not in known]
    if unknown:
        detail = f"The target is one of {len(known)} classes, and this is none of them."
        raise PlanError(
            [PlanProblem(f"/rows/{row}", "unknown_class", detail, len(known)) for row in unknown]
        )
    return np.array([known[label] for label in labels], np.intp)[places]


def batch_of(prepared: Prepared, cells: pa.Table, truth: NDArray[Any]) -> TrainingData:
    """The cells as inputs, targets and weights, in float64."""
    float64 = np.dtype(np.float64)
    target = prepared.target
    if isinstance(target, ClassTarget):
        y = target.encode(truth, prepared.network)
    else:
        y = target.encode(truth)
    training = prepared.plan.training
    weights = RowWeights(cells, training, target, prepared.training_truth)
    return TrainingData(
        X=prepared.preprocessing.transform_table(cells, float64),
        y=y,
        weights=weights.of(np.arange(cells.num_rows), truth, float64),
    )
