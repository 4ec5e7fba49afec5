"""From a stored table and a plan to arrays that train, and from parameters to a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workers.engine.backend import dtype_of
from workers.engine.network import Network
from workers.engine.tensors import Array
from workers.engine.training import TrainingData
from workers.modelling.fitted import (
    FittedModel,
    NonFiniteOutputError,
    PredictionInputError,
    Predictions,
)
from workers.modelling.plan import ModelPlan, PlanWarning
from workers.modelling.targets import ClassTarget, NumberTarget, TargetEncoding, read_classes
from workers.tabular.errors import TableError
from workers.tabular.features import numbers_of
from workers.tabular.parquet import reading_of
from workers.tabular.preprocessing import Preprocessing
from workers.tabular.splits import Rows, Split, split_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from workers.tabular.features import Column

__all__ = [
    "FittedModel",
    "HeldOut",
    "NonFiniteOutputError",
    "PredictionInputError",
    "Predictions",
    "Prepared",
    "prepare",
]


@dataclass(frozen=True)
class HeldOut:
    """Rows that do not train: inputs (N, I), and the truth (N,).

    The truth is in the data's own units, or the class numbers.
    """

    X: Array
    truth: NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """All that the training of a plan on a table needs, and that its evaluation needs later.

    `split` counts the rows of the table; those without a target are in none of its parts.
    `training_truth` (N,) is the target of the training rows as in HeldOut.
    """

    plan: ModelPlan
    network: Network
    data: TrainingData
    preprocessing: Preprocessing
    target: TargetEncoding
    split: Split
    training_truth: NDArray[Any]
    validation: HeldOut | None
    test: HeldOut | None
    warnings: tuple[PlanWarning, ...]
    reading: Mapping[str, Any]

    def fitted(self, parameters: Array) -> FittedModel:
        """The model with these parameters (P,), which are copied."""
        return FittedModel(
            target_name=self.plan.target,
            task=self.plan.task,
            network_spec=self.plan.network,
            network=self.network,
            parameters=parameters.copy(),
            preprocessing=self.preprocessing,
            target=self.target,
            reading=self.reading,
        )


def prepare(table: pa.Table, plan: ModelPlan) -> Prepared:
    """Divide the rows, fit the preprocessing on those that train, and encode them all.

    Raises TableError where the table is not the one that the plan was made for.
    """
    _check_columns(table, plan)
    column = table[plan.target]
    kept = np.flatnonzero(column.is_valid().to_numpy())
    labels, truth = _read_target(column.drop_null(), plan)
    parts = _split(plan, truth)
    split = Split(kept[parts.train], kept[parts.validation], kept[parts.test])
    preprocessing = Preprocessing.fit(table, split.train, plan.features, plan.preprocessing)
    target: TargetEncoding
    if labels is None:
        target = NumberTarget.fit(truth[parts.train], plan.preprocessing)
    else:
        target = ClassTarget(labels)
    encoding = _Encoding(table, plan, preprocessing, target)
    validation = encoding.held_out(split.validation, truth[parts.validation])
    X = encoding.inputs(split.train)
    _check_finite(X, preprocessing, plan)
    return Prepared(
        plan=plan,
        network=encoding.network,
        data=TrainingData(
            X=X,
            y=encoding.targets(truth[parts.train]),
            X_validation=validation.X if validation else None,
            y_validation=encoding.targets(validation.truth) if validation else None,
        ),
        preprocessing=preprocessing,
        target=target,
        split=split,
        training_truth=truth[parts.train],
        validation=validation,
        test=encoding.held_out(split.test, truth[parts.test]),
        reading=reading_of(table),
        warnings=tuple(_warnings(table.num_rows - len(kept), truth, parts, plan)),
    )


class _Encoding:
    """Rows of one table as one model's arrays."""

    def __init__(
        self,
        table: pa.Table,
        plan: ModelPlan,
        preprocessing: Preprocessing,
        target: TargetEncoding,
    ) -> None:
        self._table = table
        self._preprocessing = preprocessing
        self._target = target
        self._dtype = dtype_of(plan.training.precision)
        self.network = plan.build_network(len(preprocessing.outputs))

    def inputs(self, rows: Rows) -> Array:
        return self._preprocessing.transform_table(self._table, self._dtype, rows)

    def held_out(self, rows: Rows, truth: NDArray[Any]) -> HeldOut | None:
        return HeldOut(self.inputs(rows), truth) if len(rows) else None

    def targets(self, truth: NDArray[Any]) -> NDArray[Any]:
        if isinstance(self._target, NumberTarget):
            with np.errstate(over="ignore"):  # training says where it left the finite numbers
                return self._target.encode(truth).astype(self._dtype)
        return self._target.encode(truth, self.network)


def _check_columns(table: pa.Table, plan: ModelPlan) -> None:
    for name in (plan.target, *plan.features):
        if name not in table.column_names:
            raise TableError("unknown_column", "the table has no such column", column=name)


def _read_target(column: Column, plan: ModelPlan) -> tuple[tuple[str, ...] | None, NDArray[Any]]:
    """The labels, None for a regression, and the truth (N,) of the rows with a target."""
    if plan.task == "regression":
        return None, numbers_of(column)
    labels, truth = read_classes(column)
    if len(labels) != plan.classes:
        detail = f"the target has {len(labels)} classes where {plan.classes} were planned"
        raise TableError("target_classes", detail, column=plan.target)
    return labels, truth


def _split(plan: ModelPlan, truth: NDArray[Any]) -> Split:
    spec = plan.split
    labels = None if plan.task == "regression" else truth
    try:
        return split_rows(
            len(truth), spec.validation, spec.test, spec.method, labels=labels, seed=plan.seed
        )
    except ValueError as error:
        raise TableError("no_training_rows", str(error)) from error


def _check_finite(X: Array, preprocessing: Preprocessing, plan: ModelPlan) -> None:
    finite = np.isfinite(X.max(axis=0)) & np.isfinite(X.min(axis=0))
    if not finite.all():
        name = preprocessing.outputs[int(np.argmin(finite))]
        detail = f"the column holds numbers that are too large for {plan.training.precision}"
        raise TableError("too_large_number", detail, column=name)


def _warnings(
    n_without_target: int, truth: NDArray[Any], parts: Split, plan: ModelPlan
) -> Iterator[PlanWarning]:
    if n_without_target:
        detail = f"{n_without_target} rows without a target are in no part of the split."
        yield PlanWarning("missing_target", plan.target, detail)
    if plan.classes is not None:
        absent = plan.classes - len(np.unique(truth[parts.train]))
        if absent:
            detail = f"{absent} classes have no row in training: the model cannot learn them."
            yield PlanWarning("untrained_classes", plan.target, detail)
