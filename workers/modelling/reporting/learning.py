"""Whether a model has learned too little of its rows or too much."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.modelling.reporting.answers import MEASURES, Answers, variance_of
from workers.modelling.reporting.sampling import spread_rows
from workers.modelling.targets import NumberTarget

if TYPE_CHECKING:
    from workers.modelling.estimator import FittedModel, Prepared
    from workers.modelling.reporting.answers import Numbers

NO_ROWS = "Without validation rows nobody can tell."
OVERFLOWED = "Some answers are not finite."
WEIGHTED = (
    "The classes were weighted, which bends the probabilities on purpose: losses do not tell how "
    "well they are learned. See the ranking figures (auc, average_precision) instead."
)

_TRAINING_ROWS = 1_000

# Of the loss of the best constant answer.
_GAP = 0.1
_BEHIND_LINEAR = 0.02
_LEARNED = 0.02
_ALL_LEARNED = 0.05
# Standard errors of the validation loss that chance does not reach.
_NOISE = 2.0
# Of the epochs: a best one later than this says that learning went on.
_LATE = 0.95

_ADVICE = {
    "overfitting": (
        "The model knows its training rows better than others: more rows, dropout, weight decay "
        "or a smaller network would help."
    ),
    "learned_by_heart": (
        "On other rows it does no better than a constant answer: what it learned holds for its own "
        "rows alone. More rows, fewer columns or a smaller network would help; or the validation "
        "rows are of another kind."
    ),
    "uncertain": (
        "It does worse on the validation rows than on its own, but they are too few, or a few of "
        "them too far off, to tell that from chance: more of them, or folds, would tell."
    ),
    "underfitting": (
        "It was still learning when its epochs were over: train longer, or with a higher learning "
        "rate."
    ),
    "behind_linear": (
        "A linear model does better: train longer or with another learning rate, or take the "
        "network 'linear'."
    ),
    "nothing_learned": (
        "It does hardly better than a constant answer: the columns may not tell the target, or "
        "the training was far too short."
    ),
    "good": "It does on other rows about what it does on its own: nothing needs to change.",
}


@dataclass(frozen=True)
class Course:
    """How a training went: epochs done, the best of them (None: not judged), why it ended.

    `anneals`: the learning rate fell towards the end by plan, so that the last epochs are the best.
    """

    epochs: int
    best_epoch: int | None = None
    stop_reason: str | None = None
    anneals: bool = False

    @property
    def ended_learning(self) -> bool:
        """Whether it was at its best only when its epochs were over, with steps as long as ever."""
        if self.best_epoch is None or self.stop_reason != "max_epochs" or self.anneals:
            return False
        return self.best_epoch > _LATE * self.epochs


def learning(
    fitted: FittedModel,
    prepared: Prepared,
    course: Course,
    validation: Answers | None,
    others: dict[str, Answers | None],
) -> dict[str, Any]:
    """The verdict with the losses that it comes from, and one sentence of advice.

    `others` are the baselines' answers on the validation rows. Of the training rows 1,000 at even
    distances are looked at. All losses are as without weights, penalties and dropout.
    """
    if validation is None:
        return {"reason": NO_ROWS}
    if prepared.plan.training.class_weight is not None:
        return {"reason": WEIGHTED}
    variance = variance_of(prepared.training_truth)
    rows = spread_rows(len(prepared.training_truth), _TRAINING_ROWS)
    outputs = fitted.outputs(prepared.data.X[rows])
    training = Answers.of(fitted.target, prepared.training_truth[rows], outputs)
    of_rows = validation.losses(variance)
    losses: dict[str, float | None] = {
        "training": _mean(training.losses(variance)),
        "validation": _mean(of_rows),
        **{name: None if x is None else _mean(x.losses(variance)) for name, x in others.items()},
    }
    if None in (losses["training"], losses["validation"], losses["constant"]):
        return {"reason": OVERFLOWED}
    error = float(of_rows.std()) / math.sqrt(len(of_rows))
    verdict = verdict_of({n: x for n, x in losses.items() if x is not None}, error, course)
    return {
        "verdict": _KIND.get(verdict, verdict),
        "advice": _ADVICE[verdict],
        "measure": MEASURES[isinstance(fitted.target, NumberTarget)],
        "losses": losses,
        "validation_standard_error": error,
        "epochs": course.epochs,
        "best_epoch": course.best_epoch,
    }


_KIND = {
    "behind_linear": "underfitting",
    "nothing_learned": "underfitting",
    "learned_by_heart": "overfitting",
}


def verdict_of(losses: dict[str, float], error: float, course: Course) -> str:
    """Which of the advices fits the losses; `error` is the validation loss's standard error."""
    training, validation, constant = losses["training"], losses["validation"], losses["constant"]
    noise = _NOISE * error
    gap, learned = validation - training, (1.0 - _LEARNED) * constant
    if validation > learned:
        return "learned_by_heart" if gap > _GAP * constant else "nothing_learned"
    if gap > max(_GAP * constant, noise):
        return "overfitting"
    if training > learned:
        return "nothing_learned"
    if validation - losses.get("linear", math.inf) > max(_BEHIND_LINEAR * constant, noise):
        return "behind_linear"
    if course.ended_learning and validation > _ALL_LEARNED * constant:
        return "underfitting"
    return "uncertain" if gap > _GAP * constant else "good"


def _mean(losses: Numbers) -> float | None:
    mean = float(losses.mean())
    return mean if math.isfinite(mean) else None
