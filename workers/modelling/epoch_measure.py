"""What is measured after every epoch on the validation rows, beside the loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from workers.modelling import measures
from workers.modelling.measures import Recall, RegressionErrors
from workers.modelling.targets import NumberTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from workers.engine.spec import Monitor
    from workers.engine.tensors import Array
    from workers.modelling.targets import ClassTarget, TargetEncoding

    Measure = Callable[[Array], dict[str, float]]

PREFIX = "val_"


def epoch_measure(
    target: TargetEncoding, truth: NDArray[Any], monitor: Monitor | None = None
) -> Measure:
    """A function of the network's answers (N, K) on rows with this truth, and of nothing else.

    Numbers: val_rmse, val_mae and val_r2 (left out where the truth does not vary), averaged over
    several targets. Classes: val_accuracy, val_balanced_accuracy, val_log_loss; val_auc, which
    takes sorting, only where it is the monitor. All in the data's own units, every row counting
    alike.
    """
    if isinstance(target, NumberTarget):
        errors = RegressionErrors(truth)
        return lambda outputs: _named(averaged(errors.of(target.decode(outputs))))
    with_auc = monitor == f"{PREFIX}auc"
    figures = ClassFigures(target, truth, with_auc=with_auc)
    return lambda outputs: _named(figures.of(outputs))


def averaged(errors: dict[str, NDArray[np.float64]]) -> dict[str, float | None]:
    """Errors of several targets, each the mean over the targets that have it."""
    found = {}
    for name, by_target in errors.items():
        there = [x for x in by_target.tolist() if name != "r2" or not math.isnan(x)]
        found[name] = sum(there) / len(there) if there else None
    return found


class ClassFigures:
    """The figures of a classification by name, for any answers to the same truth (N,)."""

    def __init__(self, target: ClassTarget, truth: NDArray[np.intp], *, with_auc: bool) -> None:
        self._target = target
        self._truth = truth
        self._with_auc = with_auc
        self._recall = Recall(truth)

    def of(self, outputs: Array) -> dict[str, float | None]:
        """For the network's answers (N, K); without AUC where it was not asked for."""
        target, truth = self._target, self._truth
        accuracy, balanced = self._recall.of(target.predicted(outputs))
        found: dict[str, float | None] = {
            "accuracy": accuracy,
            "balanced_accuracy": balanced,
            "log_loss": measures.log_loss(target.probability_of(truth, outputs)),
        }
        if self._with_auc:
            found["auc"] = measures.auc(truth, target.probabilities(outputs))
        return found


def _named(figures: dict[str, float | None]) -> dict[str, float]:
    return {f"{PREFIX}{name}": value for name, value in figures.items() if value is not None}
