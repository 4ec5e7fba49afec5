"""How good a model is on rows that did not train it, beside one that knows only frequencies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.modelling import measures
from workers.modelling.coefficients import coefficients
from workers.modelling.epoch_measure import ClassFigures, averaged
from workers.modelling.measures import RegressionErrors
from workers.modelling.targets import NumberTarget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workers.modelling.estimator import FittedModel, HeldOut, Prepared
    from workers.modelling.targets import ClassTarget

    Figures = dict[str, Any]


def report(fitted: FittedModel, prepared: Prepared) -> Figures:
    """The evaluation as plain data.

    `validation` and `test` hold n and the task's figures, or are None without such rows;
    `baselines.constant` holds the same figures of the best constant answer: the training rows'
    mean, or their classes' frequencies. Of several targets `targets` has the figures of each, and
    beside it stand their averages. A network without hidden layers adds its coefficients.
    """
    parts = {"validation": prepared.validation, "test": prepared.test}
    constant = _constant_answer(prepared)
    return {
        "task": prepared.plan.task,
        "rows": {
            "train": len(prepared.split.train),
            "validation": len(prepared.split.validation),
            "test": len(prepared.split.test),
        },
        **{name: _of_model(fitted, held_out) for name, held_out in parts.items()},
        "baselines": {
            "constant": {
                name: _of_constant(fitted, constant, held_out) for name, held_out in parts.items()
            }
        },
        **coefficients(fitted),
    }


def _of_model(fitted: FittedModel, held_out: HeldOut | None) -> Figures | None:
    if held_out is None:
        return None
    outputs = fitted.outputs(held_out.X)
    if isinstance(fitted.target, NumberTarget):
        return _regression_figures(fitted, held_out.truth, fitted.target.decode(outputs))
    return _class_figures(fitted.target, held_out.truth, outputs)


def _of_constant(
    fitted: FittedModel, answer: NDArray[np.float64], held_out: HeldOut | None
) -> Figures | None:
    if held_out is None:
        return None
    answers = np.broadcast_to(answer, (len(held_out.truth), *answer.shape))
    if isinstance(fitted.target, NumberTarget):
        return _regression_figures(fitted, held_out.truth, answers)
    return _class_figures(fitted.target, held_out.truth, answers)


def _constant_answer(prepared: Prepared) -> NDArray[np.float64]:
    """The means (T,), or the frequencies of the classes (K,), of the training rows."""
    truth = prepared.training_truth
    if isinstance(prepared.target, NumberTarget):
        return np.asarray(truth.mean(axis=0))
    return np.bincount(truth, minlength=len(prepared.target.labels)) / len(truth)


def _regression_figures(
    fitted: FittedModel, truth: NDArray[np.float64], values: NDArray[np.float64]
) -> Figures:
    errors = RegressionErrors(truth).of(values)
    figures = {"n": len(truth), **_finite_or_none(averaged(errors))}
    by_target = [_of_target(truth, values, errors, place) for place in range(truth.shape[1])]
    if isinstance(fitted.target_name, str):
        return figures | by_target[0]
    return figures | {"targets": dict(zip(fitted.target_name, by_target, strict=True))}


def _of_target(
    truth: NDArray[np.float64], values: NDArray[np.float64], errors: dict[str, Any], place: int
) -> Figures:
    quantiles = measures.residual_quantiles(truth[:, place], values[:, place])
    alone = {name: by_target[place : place + 1] for name, by_target in errors.items()}
    return {
        **_finite_or_none(averaged(alone)),
        "residual_quantiles": _finite_or_none(quantiles),
    }


def _finite_or_none(figures: Mapping[str, float | None]) -> dict[str, float | None]:
    """JSON has no infinity: a figure that overflowed is left open."""
    return {
        name: value if value is not None and math.isfinite(value) else None
        for name, value in figures.items()
    }


def _class_figures(target: ClassTarget, truth: NDArray[np.intp], outputs: NDArray[Any]) -> Figures:
    n_classes = len(target.labels)
    matrix = measures.confusion_matrix(truth, target.predicted(outputs), n_classes)
    return {
        "n": len(truth),
        **_finite_or_none(ClassFigures(target, truth, with_auc=True).of(outputs)),
        "confusion_matrix": {"labels": list(target.labels), "matrix": matrix.tolist()},
    }
