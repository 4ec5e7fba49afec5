"""From a stored table and a plan to arrays that train, and from parameters to a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workers.engine.backend import dtype_of
from workers.engine.network import LayerError, Network
from workers.engine.tensors import Array
from workers.engine.training import TrainingData
from workers.modelling.epoch_measure import epoch_measure
from workers.modelling.fitted import (
    FittedModel,
    NonFiniteOutputError,
    PredictionInputError,
    Predictions,
)
from workers.modelling.plan import ModelPlan, PlanWarning, categories_of, number_places
from workers.modelling.row_parts import KnownRows, known_rows, parts_of
from workers.modelling.row_weights import RowWeights
from workers.modelling.scratch import Scratch
from workers.modelling.target_warnings import leak_warnings
from workers.modelling.targets import ClassTarget, NumberTarget, TargetEncoding
from workers.tabular.errors import TableError
from workers.tabular.parquet import reading_of
from workers.tabular.preprocessing import Preprocessing
from workers.tabular.splits import Rows, Split

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from workers.modelling.epoch_measure import Measure

__all__ = [
    "FittedModel",
    "HeldOut",
    "NonFiniteOutputError",
    "PredictionInputError",
    "Predictions",
    "Prepared",
    "prepare",
    "prepare_parts",
]


@dataclass(frozen=True)
class HeldOut:
    """Rows that do not train: inputs (N, I), and the truth.

    The truth is (N, T) in the data's own units, or the class numbers (N,).
    """

    X: Array
    truth: NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """All that the training of a plan on a table needs, and that its evaluation needs later.

    `split` counts the rows of the table; those without a target are in none of its parts.
    `training_truth` is the target of the training rows as in HeldOut.
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
    unread: tuple[str, ...]
    """The columns of the table that are neither features nor targets."""

    def fitted(self, parameters: Array) -> FittedModel:
        """The model with these parameters (P,), of an ensemble (M, P), which are copied."""
        return FittedModel(
            target_name=self.plan.target,
            task=self.plan.task,
            network_spec=self.plan.network,
            network=self.network,
            parameters=parameters.copy(),
            preprocessing=self.preprocessing,
            target=self.target,
            reading=self.reading,
            unread=self.unread,
        )


def prepare(table: pa.Table, plan: ModelPlan, scratch: Scratch | None = None) -> Prepared:
    """Divide the rows, fit the preprocessing on those that train, and encode them all.

    Raises TableError where the table is not the one that the plan was made for, and MemoryError
    where `scratch` (all in memory, where None) has no room.
    """
    _check_columns(table, plan)
    known = known_rows(table, plan)
    parts = parts_of(table, plan, known)
    prepared = prepare_parts(table, plan, known, parts, scratch)
    return replace(
        prepared,
        warnings=(
            *_warnings(table.num_rows - len(known.rows), known.truth, parts, plan),
            *leak_warnings(table, plan, prepared.split.train, prepared.training_truth),
        ),
    )


def prepare_parts(
    table: pa.Table,
    plan: ModelPlan,
    known: KnownRows,
    parts: Split,
    scratch: Scratch | None = None,
) -> Prepared:
    """Fit and encode as `prepare`, on parts that are places among the known rows; no warnings."""
    kept, truth = known.rows, known.truth
    split = Split(kept[parts.train], kept[parts.validation], kept[parts.test])
    preprocessing = Preprocessing.fit(
        table, split.train, plan.features, plan.preprocessing, plan.embedded
    )
    training_truth = truth[parts.train]
    target: TargetEncoding
    if known.labels is None:
        target = NumberTarget.fit(
            training_truth, standardise=plan.standardises_target, clamp=plan.clamps_values
        )
    else:
        target = ClassTarget(known.labels)
    encoding = _Encoding(table, plan, preprocessing, target, scratch or Scratch())
    validation = encoding.held_out(split.validation, truth[parts.validation])
    return Prepared(
        plan=plan,
        network=encoding.network,
        data=encoding.training_data(split, training_truth, validation),
        preprocessing=preprocessing,
        target=target,
        split=split,
        training_truth=training_truth,
        validation=validation,
        test=encoding.held_out(split.test, truth[parts.test]),
        reading=reading_of(table.schema),
        unread=_unread(table, plan),
        warnings=(),
    )


class _Encoding:
    """Rows of one table as one model's arrays."""

    def __init__(
        self,
        table: pa.Table,
        plan: ModelPlan,
        preprocessing: Preprocessing,
        target: TargetEncoding,
        scratch: Scratch,
    ) -> None:
        self._table = table
        self._plan = plan
        self._preprocessing = preprocessing
        self._target = target
        self._scratch = scratch
        self._dtype = dtype_of(plan.training.precision)
        self.network = _network(plan, preprocessing)

    def held_out(self, rows: Rows, truth: NDArray[Any]) -> HeldOut | None:
        return HeldOut(self._inputs(rows), truth) if len(rows) else None

    def training_data(
        self, split: Split, truth: NDArray[Any], validation: HeldOut | None
    ) -> TrainingData:
        weights = RowWeights(self._table, self._plan.training, self._target, truth)
        X = self._inputs(split.train)
        _check_finite(X, self._preprocessing, self._plan)
        data = TrainingData(
            X=X, y=self._targets(truth), weights=weights.of(split.train, truth, self._dtype)
        )
        if validation is None:
            return data
        return replace(
            data,
            X_validation=validation.X,
            y_validation=self._targets(validation.truth),
            weights_validation=weights.of(
                split.validation, validation.truth, self._dtype, "validation"
            ),
            measure=self._measure(validation.truth),
        )

    def _inputs(self, rows: Rows) -> Array:
        return self._preprocessing.transform_table(
            self._table, self._dtype, rows, self._scratch.matrix
        )

    def _targets(self, truth: NDArray[Any]) -> NDArray[Any]:
        if isinstance(self._target, NumberTarget):
            with np.errstate(over="ignore"):  # training says where it left the finite numbers
                return self._target.encode(truth).astype(self._dtype)
        return self._target.encode(truth, self.network)

    def _measure(self, truth: NDArray[Any]) -> Measure:
        stopping = self._plan.training.early_stopping
        monitor = None if stopping is None else stopping.monitor
        measure = epoch_measure(self._target, truth, monitor)
        if monitor is not None and monitor not in ("train_loss", "val_loss"):
            # Any answers will do: whether the figure exists depends on the truth alone.
            anything = np.full((len(truth), self.network.n_outputs), 0.5, self._dtype)
            if monitor not in measure(anything):
                detail = f"{monitor} cannot be told from {len(truth)} validation rows all alike"
                raise TableError("monitor_undefined", detail)
        return measure


def _network(plan: ModelPlan, preprocessing: Preprocessing) -> Network:
    try:
        return plan.build_network(
            len(preprocessing.outputs), categories_of(preprocessing), number_places(preprocessing)
        )
    except LayerError as error:
        detail = f"with the training rows' levels, layer {error.layer}: {error.reason}"
        raise TableError("spec_dataset_mismatch", detail) from error


def _unread(table: pa.Table, plan: ModelPlan) -> tuple[str, ...]:
    read = {*plan.features, *plan.targets}
    return tuple(name for name in table.column_names if name not in read)


def _check_columns(table: pa.Table, plan: ModelPlan) -> None:
    there = set(table.column_names)
    for name in (*plan.targets, *plan.features):
        if name not in there:
            raise TableError("unknown_column", "the table has no such column", column=name)


def _check_finite(X: Array, preprocessing: Preprocessing, plan: ModelPlan) -> None:
    # All at once first: by columns it takes several times as long, and hardly ever finds any.
    if np.isfinite(X.max(initial=0.0)) and np.isfinite(X.min(initial=0.0)):
        return
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
        column = plan.targets[0] if len(plan.targets) == 1 else None
        yield PlanWarning("missing_target", column, detail)
    if plan.classes is not None:
        absent = plan.classes - len(np.unique(truth[parts.train]))
        if absent:
            detail = f"{absent} classes have no row in training: the model cannot learn them."
            yield PlanWarning("untrained_classes", plan.targets[0], detail)
        for name, rows in (("validation", parts.validation), ("test", parts.test)):
            if len(rows) and len(np.unique(truth[rows])) == 1:
                detail = f"All {name} rows are of one class: no figure of theirs tells how well "
                yield PlanWarning(
                    "one_class_judges", plan.targets[0], f"{detail}classes are told apart."
                )
