"""The figures of answers to some rows, by task."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.modelling import measures
from workers.modelling.epoch_measure import ClassFigures, averaged
from workers.modelling.measures import RegressionErrors
from workers.modelling.reporting.calibration import brier, calibration_of
from workers.modelling.reporting.classes import class_table
from workers.modelling.reporting.curves import average_precision, curves_of
from workers.modelling.targets import ClassTarget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workers.modelling.plan import TargetNames
    from workers.modelling.reporting.answers import Answers, Numbers
    from workers.modelling.targets import TargetEncoding

    Figures = dict[str, Any]


_BASELINE_CLASSES = 100


class Figuring:
    """Figures of any answers that are of one model's kind."""

    def __init__(self, target: TargetEncoding, target_name: TargetNames) -> None:
        self._target = target
        self._target_name = target_name

    def plain(self, said: Answers) -> Figures:
        """n, one number for each measure, and what it is made of: a confusion matrix, quantiles.

        Of more than 100 classes without the matrix, which would be most of the report.
        """
        if isinstance(self._target, ClassTarget):
            found = _of_classes(self._target, said)
            if len(self._target.labels) > _BASELINE_CLASSES:
                del found["confusion_matrix"]
            return found
        return self._of_numbers(said.truth, said.said)

    def detailed(self, said: Answers) -> Figures:
        """The same with the matrix, and with tables and curves where answers are probabilities."""
        if not isinstance(self._target, ClassTarget):
            return self.plain(said)
        found = _of_classes(self._target, said)
        return found | _details(self._target, said, found["confusion_matrix"]["matrix"])

    def _of_numbers(self, truth: Numbers, values: Numbers) -> Figures:
        errors = RegressionErrors(truth).of(values)
        figures = {"n": len(truth), **_finite_or_none(averaged(errors))}
        by_target = [_of_target(truth, values, errors, place) for place in range(truth.shape[1])]
        if isinstance(self._target_name, str):
            return figures | by_target[0]
        return figures | {"targets": dict(zip(self._target_name, by_target, strict=True))}


def _of_target(truth: Numbers, values: Numbers, errors: dict[str, Any], place: int) -> Figures:
    quantiles = measures.residual_quantiles(truth[:, place], values[:, place])
    alone = {name: by_target[place : place + 1] for name, by_target in errors.items()}
    return {
        **_finite_or_none(averaged(alone)),
        "residual_quantiles": _finite_or_none(quantiles),
    }


def _of_classes(target: ClassTarget, said: Answers) -> Figures:
    truth, probabilities = said.truth, said.said
    figures = ClassFigures(target, truth, with_auc=True).of(probabilities)
    figures["brier"] = brier(truth, probabilities)
    if len(target.labels) == 2:
        figures["average_precision"] = average_precision(truth == 1, probabilities[:, 1])
    predicted = _predicted(probabilities)
    matrix = measures.confusion_matrix(truth, predicted, len(target.labels))
    return {
        "n": len(truth),
        **_finite_or_none(figures),
        "confusion_matrix": {"labels": list(target.labels), "matrix": matrix.tolist()},
    }


def _details(target: ClassTarget, said: Answers, matrix: list[list[int]]) -> Figures:
    """Per class, over thresholds, by probability; curves need answers that are numbers."""
    is_finite = said.are_finite
    return {
        "classes": class_table(target.labels, np.array(matrix)),
        "curves": curves_of(target.labels, said.truth, said.said) if is_finite else None,
        "calibration": calibration_of(target, said.truth, said.said) if is_finite else None,
    }


def _predicted(probabilities: Numbers) -> NDArray[np.intp]:
    best: NDArray[np.intp] = probabilities.argmax(axis=1)
    return best


def _finite_or_none(figures: Mapping[str, float | None]) -> dict[str, float | None]:
    """JSON has no infinity: a figure that overflowed is left open."""
    return {
        name: value if value is not None and math.isfinite(value) else None
        for name, value in figures.items()
    }
