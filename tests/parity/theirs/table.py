"""Who computes which kind of case on their side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.parity.theirs import functions, optimizers, schedules, scikit_learn, training

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parity.case import Arrays, Case

KINDS: dict[str, Callable[[Case], Arrays]] = {
    "activation": functions.activation,
    "loss": functions.loss,
    "norm": functions.norm,
    "schedule": schedules.rates,
    "optimizer": optimizers.trajectory,
    "gradient": training.gradient,
    "training": training.training,
    "training_float32": training.training_in_double,
    "lbfgs": training.lbfgs,
    "lbfgs_minimum": training.lbfgs,
    "scikit_learn": scikit_learn.training,
}


def compute(case: Case) -> Arrays:
    """The numbers that the other library gives for a case."""
    return KINDS[case.kind](case)
