"""The rows of a table that have a target, and the parts of a split that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workers.modelling.targets import read_classes
from workers.tabular.column_splits import part_named, split_by_parts
from workers.tabular.errors import TableError
from workers.tabular.features import levels_of, numbers_of, type_of
from workers.tabular.group_splits import split_groups
from workers.tabular.splits import Rows, Split, split_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from workers.modelling.plan import ModelPlan
    from workers.tabular.features import Column


@dataclass(frozen=True)
class KnownRows:
    """The rows (N,) of a table that have a target, ascending, with their truth as in HeldOut.

    `labels` are those of the classes, None for a regression.
    """

    rows: Rows
    labels: tuple[str, ...] | None
    truth: NDArray[Any]

    @property
    def classes(self) -> NDArray[np.integer[Any]] | None:
        """The class numbers (N,), None for a regression."""
        return None if self.labels is None else self.truth


def known_rows(table: pa.Table, plan: ModelPlan) -> KnownRows:
    """Read the target. TableError where it has not the classes that were planned."""
    if plan.task == "regression":
        values = np.column_stack([numbers_of(table[name]) for name in plan.targets])
        kept = np.flatnonzero(~np.isnan(values).any(axis=1))
        return KnownRows(kept, None, values if len(kept) == len(values) else values[kept])
    column = table[plan.targets[0]]
    labels, truth = read_classes(column.drop_null())
    if len(labels) != plan.classes:
        detail = f"the target has {len(labels)} classes where {plan.classes} were planned"
        raise TableError("target_classes", detail, column=plan.targets[0])
    return KnownRows(np.flatnonzero(column.is_valid().to_numpy()), labels, truth)


def parts_of(table: pa.Table, plan: ModelPlan, known: KnownRows) -> Split:
    """The split of a plan, as places among the known rows. TableError where it cannot be made."""
    spec, n = plan.split, len(known.rows)
    try:
        if spec.method == "group":
            groups = groups_of(table, plan, known)
            return split_groups(groups, spec.validation, spec.test, plan.seed)
        if spec.method == "column":
            return _as_written(table, plan, known)
        return split_rows(
            n, spec.validation, spec.test, spec.method, labels=known.classes, seed=plan.seed
        )
    except ValueError as error:
        raise TableError("no_training_rows", str(error)) from error


def groups_of(table: pa.Table, plan: ModelPlan, known: KnownRows) -> NDArray[np.intp]:
    """The number (N,) of each known row's group. TableError where a cell is missing."""
    column = _split_column(table, plan)
    if type_of(column) in ("categorical", "boolean"):
        levels, places = levels_of(column)
        groups = places[known.rows]
        _refuse(groups == len(levels), known, "missing_group", "the row names no group", plan)
        return groups
    numbers = numbers_of(column)[known.rows]
    _refuse(np.isnan(numbers), known, "missing_group", "the row names no group", plan)
    return np.unique(numbers, return_inverse=True)[1]


def _as_written(table: pa.Table, plan: ModelPlan, known: KnownRows) -> Split:
    column = _split_column(table, plan)
    if type_of(column) != "categorical":
        detail = "the column has no words that could say where a row belongs"
        raise TableError("split_column_type", detail, column=plan.split.column)
    levels, places = levels_of(column)
    parts = [part_named(level) for level in levels]
    codes = places[known.rows]
    is_unknown = np.array([*(part is None for part in parts), True])[codes]
    detail = "the cell is none of train, validation, val, valid and test"
    _refuse(is_unknown, known, "unknown_part", detail, plan)
    split = split_by_parts([part or "train" for part in parts], codes)
    if plan.split.validation and not len(split.validation):
        detail = "no row that has a target is for validation"
        raise TableError("no_validation_rows", detail, column=plan.split.column)
    return split


def _split_column(table: pa.Table, plan: ModelPlan) -> Column:
    name = plan.split.column
    if name is None or name not in table.column_names:
        raise TableError("unknown_column", "the table has no such column", column=name)
    return table[name]


def _refuse(
    is_wrong: NDArray[np.bool_], known: KnownRows, code: str, detail: str, plan: ModelPlan
) -> None:
    if is_wrong.any():
        row = int(known.rows[np.argmax(is_wrong)]) + 1
        raise TableError(code, f"row {row}: {detail}", row=row, column=plan.split.column)
