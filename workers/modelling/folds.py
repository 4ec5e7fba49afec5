"""K-fold evaluation: the training repeated without each fold, and judged on that fold.

The rows that do not test are divided into folds. Of the rows beside a fold the same share judges
the epochs as in the run itself, so that nothing has seen the fold before it is answered; inputs,
target and weights are fitted on the rows that train. Stone (1974); Hastie et al., "The Elements of
Statistical Learning", 7.10.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.modelling.estimator import Prepared, prepare_parts
from workers.modelling.reporting.answers import Answers
from workers.modelling.reporting.figures import Figuring
from workers.modelling.row_parts import groups_of, known_rows, parts_of
from workers.tabular.errors import TableError
from workers.tabular.folds import fold_of_groups, fold_of_rows
from workers.tabular.group_splits import split_groups
from workers.tabular.splits import Split, split_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from workers.engine.tensors import Array
    from workers.modelling.plan import ModelPlan
    from workers.modelling.scratch import Scratch
    from workers.tabular.splits import Rows

    Figures = dict[str, Any]


@dataclass(frozen=True)
class FoldTraining:
    """A training without one fold, which is the test rows of `prepared`."""

    fold: int
    """From 1."""
    prepared: Prepared

    def figures(self, parameters: Array, *, epochs: int, best_epoch: int | None) -> Figures:
        """How good a model with these parameters is on the fold, as plain data."""
        prepared = self.prepared
        fitted = prepared.fitted(parameters)
        figuring = Figuring(fitted.target, fitted.target_name)
        found: Figures = {}
        if prepared.test is not None:
            # What overflows is left open: no warning would reach anybody.
            with np.errstate(all="ignore"):
                outputs = fitted.outputs(prepared.test.X)
                said = Answers.of(fitted.target, prepared.test.truth, outputs)
                found = figuring.plain(said)
        return {
            "fold": self.fold,
            "rows": rows_of(prepared.split),
            "epochs": epochs,
            "best_epoch": best_epoch,
            "figures": {name: x for name, x in found.items() if _is_measure(name, x)},
        }


class Folds:
    """The folds of a plan on a table."""

    def __init__(self, table: pa.Table, plan: ModelPlan, scratch: Scratch) -> None:
        """TableError where the table has not the rows or the groups for them."""
        self._table, self._plan, self._scratch = table, plan, scratch
        self._known = known_rows(table, plan)
        parts = parts_of(table, plan, self._known)
        self._pool = np.sort(np.concatenate([parts.train, parts.validation]))
        self._validation = len(parts.validation) / len(self._pool)
        by_group = plan.split.method == "group"
        self._groups = groups_of(table, plan, self._known) if by_group else None
        is_stratified = plan.split.method == "stratified"
        self._labels = self._known.classes if is_stratified else None
        self.count = plan.split.folds or 0
        try:
            self._fold_of = self._divided()
        except ValueError as error:
            raise TableError("folds", str(error)) from error

    def training(self, fold: int) -> FoldTraining:
        """What the training without a fold, counted from 1, needs.

        Raises TableError where the rows beside it cannot be trained on.
        """
        parts = self.parts(fold)
        plan = self._plan
        batch_size = min(plan.training.batch_size, len(parts.train))
        plan = replace(plan, training=replace(plan.training, batch_size=batch_size))
        prepared = prepare_parts(self._table, plan, self._known, parts, self._scratch)
        return FoldTraining(fold, prepared)

    def parts(self, fold: int) -> Split:
        """The rows beside a fold, which train or judge the epochs, and the fold as test rows.

        All are places among the rows with a target. TableError where none is left to train.
        """
        is_held_out = self._fold_of == fold - 1
        rest = self._pool[~is_held_out]
        try:
            split = self._split(rest)
        except ValueError as error:
            raise TableError("folds", f"beside fold {fold}, {error}") from error
        if self._validation and not len(split.validation):
            raise TableError("folds", f"beside fold {fold}, no row is left for validation")
        return Split(rest[split.train], rest[split.validation], self._pool[is_held_out])

    def _divided(self) -> Rows:
        seed, pool = self._plan.seed, self._pool
        if self._groups is not None:
            return fold_of_groups(self._groups[pool], self.count, seed)
        labels = None if self._labels is None else self._labels[pool]
        return fold_of_rows(len(pool), self.count, labels, seed)

    def _split(self, rest: Rows) -> Split:
        seed, share = self._plan.seed, self._validation
        if self._groups is not None:
            return split_groups(self._groups[rest], share, 0.0, seed)
        if self._labels is not None:
            return split_rows(len(rest), share, 0.0, "stratified", self._labels[rest], seed)
        return split_rows(len(rest), share, 0.0, "random", None, seed)


def failed(fold: int, reason: str) -> Figures:
    """A fold that has no figures, and why."""
    return {"fold": fold, "reason": reason}


def summary(folds: Sequence[Mapping[str, Any]], reason: str | None = None) -> Figures:
    """The mean and the sample standard deviation of each figure over the folds that have it.

    `reason` says why there are fewer folds than were asked for.
    """
    by_name: dict[str, list[float]] = {}
    for fold in folds:
        for name, value in fold.get("figures", {}).items():
            by_name.setdefault(name, [])
            if value is not None:
                by_name[name].append(value)
    return {
        "folds": [dict(fold) for fold in folds],
        "mean": {name: fmean(found) if found else None for name, found in by_name.items()},
        "std": {name: stdev(found) if len(found) > 1 else None for name, found in by_name.items()},
        "reason": reason,
    }


def rows_of(split: Split) -> dict[str, int]:
    """How many rows train without a fold, judge the epochs, and are held out."""
    return {
        "train": len(split.train),
        "validation": len(split.validation),
        "held_out": len(split.test),
    }


def _is_measure(name: str, value: Any) -> bool:
    return name != "n" and (value is None or isinstance(value, float))
