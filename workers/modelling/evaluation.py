"""How good a model is on rows that did not train it, beside models that know less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.modelling.coefficients import coefficients
from workers.modelling.reporting import conformal
from workers.modelling.reporting.answers import Answers
from workers.modelling.reporting.figures import Figuring
from workers.modelling.reporting.importance import importance
from workers.modelling.reporting.learning import Course, learning
from workers.modelling.reporting.linear import LinearModel, fit_linear
from workers.modelling.reporting.thresholds import SecondClass, thresholds_of
from workers.modelling.targets import ClassTarget, NumberTarget

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.modelling.estimator import FittedModel, HeldOut, Prepared
    from workers.modelling.reporting.figures import Figures

__all__ = ["Course", "report"]

OVERFLOWED = "Some answers are not finite."
_PARTS = ("validation", "test")


def report(fitted: FittedModel, prepared: Prepared, course: Course | None = None) -> Figures:
    """The evaluation as plain data, the same for the same model, rows and course.

    `validation` and `test` hold n and the task's figures, or are None without such rows;
    `baselines.constant` has the same figures, without curves, of the best constant answer (the
    training rows' mean, or their classes' frequencies), `baselines.linear` those of a linear model
    of the same training rows, or a reason. Of several targets `targets` has the figures of each,
    and beside it stand their averages. A network without hidden layers adds its coefficients.
    Where another part could not be made it has a `reason` and nothing else.
    """
    course = course or Course(epochs=prepared.plan.training.epochs)
    # What overflows here is left open, or a reason; no warning would reach anybody.
    with np.errstate(all="ignore"):
        return _Evaluation(fitted, prepared, course).figures()


@dataclass(frozen=True)
class _Said:
    """The answers on both parts; None where there are no such rows."""

    validation: Answers | None
    test: Answers | None


class _Evaluation:
    """One model's rows, answered once by it and by each baseline."""

    def __init__(self, fitted: FittedModel, prepared: Prepared, course: Course) -> None:
        self._fitted = fitted
        self._prepared = prepared
        self._course = course
        self._figuring = Figuring(fitted.target, fitted.target_name)
        self._parts = (prepared.validation, prepared.test)
        self._said = _Said(*(self._of_model(part) for part in self._parts))
        answer = _constant_answer(prepared)
        self._constant = _Said(
            *(None if x is None else Answers.constant(x.truth, answer) for x in self._parts)
        )

    def figures(self) -> Figures:
        prepared, said, figuring = self._prepared, self._said, self._figuring
        linear = fit_linear(prepared, self._course.epochs)
        by_linear = None
        if isinstance(linear, LinearModel):
            by_linear = _Said(*(None if x is None else linear.answers(x) for x in self._parts))
        return {
            "task": prepared.plan.task,
            "rows": {
                "train": len(prepared.split.train),
                "validation": len(prepared.split.validation),
                "test": len(prepared.split.test),
            },
            **{name: _maybe(figuring.detailed, getattr(said, name)) for name in _PARTS},
            "baselines": {
                "constant": self._plain(self._constant),
                "linear": self._of_linear(linear, by_linear),
            },
            "learning": self._learning(by_linear),
            "importance": importance(self._fitted, prepared, self._course.epochs),
            "conformal": self._conformal(),
            **self._thresholds(),
            **coefficients(self._fitted),
        }

    def _of_model(self, held_out: HeldOut | None) -> Answers | None:
        if held_out is None:
            return None
        outputs = self._fitted.outputs(held_out.X)
        return Answers.of(self._fitted.target, held_out.truth, outputs)

    def _plain(self, said: _Said) -> Figures:
        return {name: _maybe(self._figuring.plain, getattr(said, name)) for name in _PARTS}

    def _of_linear(self, linear: LinearModel | str, said: _Said | None) -> Figures:
        if isinstance(linear, str) or said is None:
            return {"reason": linear}
        return {"rows": linear.rows, **self._plain(said)}

    def _learning(self, by_linear: _Said | None) -> Figures:
        others = {
            "constant": self._constant.validation,
            "linear": None if by_linear is None else by_linear.validation,
        }
        validation = self._said.validation
        return learning(self._fitted, self._prepared, self._course, validation, others)

    def _conformal(self) -> Figures:
        validation, test = self._said.validation, self._said.test
        if validation is None:
            return {"reason": conformal.NO_ROWS}
        if not _are_finite(validation, test):
            return {"reason": OVERFLOWED}
        stopping = self._prepared.plan.training.early_stopping
        chose = stopping is not None and stopping.monitor.startswith("val_")
        found: Figures = {
            "rows": len(validation.truth),
            "note": conformal.CHOSEN if chose else conformal.UNTOUCHED,
        }
        if isinstance(self._fitted.target, NumberTarget):
            return found | {"intervals": self._intervals(validation, test)}
        on_test = None if test is None else (test.truth, test.said)
        return found | {"sets": conformal.sets((validation.truth, validation.said), on_test)}

    def _intervals(self, validation: Answers, test: Answers | None) -> Any:
        by_target = [
            conformal.intervals(
                (validation.truth[:, place], validation.said[:, place]),
                None if test is None else (test.truth[:, place], test.said[:, place]),
            )
            for place in range(validation.truth.shape[1])
        ]
        name = self._fitted.target_name
        return by_target[0] if isinstance(name, str) else dict(zip(name, by_target, strict=True))

    def _thresholds(self) -> Figures:
        target, (validation, test) = self._fitted.target, (self._said.validation, self._said.test)
        if not isinstance(target, ClassTarget) or len(target.labels) != 2:
            return {}
        if not _are_finite(validation, test):
            return {"thresholds": {"reason": OVERFLOWED}}
        found = thresholds_of(target.labels[1], _second(validation), _second(test))
        return {"thresholds": found}


def _constant_answer(prepared: Prepared) -> NDArray[np.float64]:
    """The means (T,), or the frequencies of the classes (K,), of the training rows."""
    truth = prepared.training_truth
    if isinstance(prepared.target, NumberTarget):
        return np.asarray(truth.mean(axis=0))
    return np.bincount(truth, minlength=len(prepared.target.labels)) / len(truth)


def _maybe(figures_of: Any, said: Answers | None) -> Figures | None:
    return None if said is None else figures_of(said)


def _are_finite(*parts: Answers | None) -> bool:
    return all(said is None or said.are_finite for said in parts)


def _second(said: Answers | None) -> SecondClass | None:
    return None if said is None else SecondClass(said.truth, said.said[:, 1])
