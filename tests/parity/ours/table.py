"""Who computes which kind of case on our side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.parity.ours import functions, schedules, training
from workers.engine.kernels.plain import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parity.case import Arrays, Case
    from workers.engine.kernels.contract import Kernels

KINDS: dict[str, Callable[[Case, Kernels], Arrays]] = {
    "activation": functions.activation,
    "loss": functions.loss,
    "norm": functions.norm,
    "schedule": schedules.rates,
    "optimizer": functions.trajectory,
    "gradient": training.gradient,
    "training": training.training,
    "training_float32": training.training,
    "lbfgs": training.tensors,
    "lbfgs_minimum": training.tensors,
    "scikit_learn": training.tensors,
}


def compute(case: Case, kernels: Kernels = PLAIN) -> Arrays:
    """The numbers that the engine gives for a case."""
    with np.errstate(all="ignore"):
        return KINDS[case.kind](case, kernels)
