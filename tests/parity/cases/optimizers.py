"""Optimisers on given gradients, L-BFGS on given functions, and schedules step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.parity.case import Case
from tests.parity.cases.functions import label
from tests.parity.draws import Draws
from tests.parity.specs import to_plain
from workers.engine.spec import (
    AdadeltaSpec,
    AdagradSpec,
    AdamaxSpec,
    AdamSpec,
    AdamWSpec,
    ConstantSchedule,
    CosineRestartsSchedule,
    CosineSchedule,
    Coslog4Schedule,
    ExponentialSchedule,
    FlatCosSchedule,
    LbfgsSpec,
    MultistepSchedule,
    NadamSpec,
    OneCycleSchedule,
    Optimizer,
    PolynomialSchedule,
    ReduceOnPlateauSchedule,
    RmspropSpec,
    Schedule,
    SgdSpec,
    StepSchedule,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTIMIZERS: tuple[Optimizer, ...] = (
    SgdSpec(learning_rate=0.05),
    SgdSpec(learning_rate=0.05, momentum=0.9),
    SgdSpec(learning_rate=0.05, momentum=0.9, nesterov=True),
    AdamSpec(learning_rate=0.01),
    AdamSpec(learning_rate=0.02, beta1=0.8, beta2=0.95, epsilon=1e-3),
    AdamWSpec(learning_rate=0.01),
    AdamWSpec(learning_rate=0.02, beta1=0.8, beta2=0.95, epsilon=1e-3, weight_decay=0.3),
    RmspropSpec(learning_rate=0.02),
    RmspropSpec(learning_rate=0.005, alpha=0.9, momentum=0.8, epsilon=1e-3),
    RmspropSpec(learning_rate=0.005, centered=True),
    RmspropSpec(learning_rate=0.005, alpha=0.95, momentum=0.5, centered=True),
    AdagradSpec(learning_rate=0.05),
    AdagradSpec(learning_rate=0.1, epsilon=1e-2),
    AdadeltaSpec(),
    AdadeltaSpec(learning_rate=0.5, rho=0.95, epsilon=1e-3),
    AdamaxSpec(learning_rate=0.01),
    AdamaxSpec(learning_rate=0.02, beta1=0.8, beta2=0.95, epsilon=1e-3),
    NadamSpec(learning_rate=0.01),
    NadamSpec(learning_rate=0.02, beta1=0.8, beta2=0.95, momentum_decay=0.1, epsilon=1e-3),
)
LBFGS: tuple[LbfgsSpec, ...] = (
    LbfgsSpec(),
    LbfgsSpec(history=3),
    LbfgsSpec(learning_rate=0.3, max_evaluations=10),
)
SCHEDULES: tuple[Schedule, ...] = (
    ConstantSchedule(),
    StepSchedule(every=2),
    StepSchedule(every=3, factor=0.5),
    MultistepSchedule(milestones=(2, 5)),
    MultistepSchedule(milestones=(1, 4, 6), factor=0.3),
    ExponentialSchedule(),
    ExponentialSchedule(factor=0.6),
    CosineSchedule(),
    CosineSchedule(final=0.1),
    CosineRestartsSchedule(period=3),
    CosineRestartsSchedule(period=1, multiplier=2, final=0.1),
    OneCycleSchedule(),
    OneCycleSchedule(rise=0.4, initial_divisor=10.0, final_divisor=100.0),
    PolynomialSchedule(),
    PolynomialSchedule(power=2.5, final=0.1),
    ReduceOnPlateauSchedule(patience=1),
    ReduceOnPlateauSchedule(patience=2, factor=0.5, threshold=0.1, final=0.3),
    Coslog4Schedule(),
    FlatCosSchedule(),
    FlatCosSchedule(flat=0.2),
)
EPOCHS, STEPS_PER_EPOCH, WARMUP = 8, 5, 6


def trajectories(seed: int) -> Iterator[Case]:
    """60 steps on given gradients, with a change of the learning rate in the middle."""
    for optimizer in OPTIMIZERS:
        name = f"optimizer {label(optimizer)}"
        draws = Draws(seed, name)
        rate = optimizer.learning_rate
        inputs = {
            "w": draws.normal((5,)),
            "g": draws.normal((60, 5)),
            "rates": np.repeat([rate, rate / 7], 30),
        }
        options = {"optimizer": to_plain(optimizer), "n_decayed": 3}
        yield Case(name, "optimizer", options, inputs, stored=True)


def schedules(seed: int) -> Iterator[Case]:
    """The learning rate of every step of a run, with and without a linear warm-up before."""
    for schedule in SCHEDULES:
        for warmed in (schedule, replace(schedule, warmup_steps=WARMUP)):
            name = f"schedule {label(warmed)}"
            draws = Draws(seed, name)
            options: dict[str, Any] = {
                "schedule": to_plain(warmed),
                "base_rate": 0.05 if seed == 0 else float(0.01 + draws.uniform(())),
                "steps_per_epoch": STEPS_PER_EPOCH,
            }
            # What a plateau judges: falls by half, then stays where it is but for some noise.
            monitor = np.maximum(0.5 ** np.arange(EPOCHS), 0.25) + draws.normal((EPOCHS,), 0.01)
            yield Case(name, "schedule", options, {"monitor": monitor}, stored=True)
