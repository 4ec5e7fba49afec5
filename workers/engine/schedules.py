"""The learning rate as a function of the step alone, so that any step can be entered directly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from workers.engine.spec import (
        CosineRestartsSchedule,
        CosineSchedule,
        Coslog4Schedule,
        ExponentialSchedule,
        FlatCosSchedule,
        MultistepSchedule,
        OneCycleSchedule,
        PolynomialSchedule,
        Schedule,
        StepSchedule,
    )

    Steps = NDArray[np.int64]
    Rates = NDArray[np.float64]


class _Time(NamedTuple):
    """Where steps stand: t of T after the warm-up, and in which epoch of the run, from 0."""

    t: Rates
    T: float
    epoch: Rates
    steps_per_epoch: int


def rates(
    schedule: Schedule | None,
    base_rate: float,
    steps: Steps,
    steps_per_epoch: int,
    total_steps: int,
    plateau_factor: float = 1.0,
) -> Rates:
    """The learning rate of each of these steps, counted from 1.

    `plateau_factor` is what reduce_on_plateau has come to so far. Over the warm-up the rate rises
    linearly to that of the first step after it.
    """
    if schedule is None:
        return np.full(steps.shape, base_rate)
    warmup = schedule.warmup_steps
    past = np.maximum(steps - 1 - warmup, 0)
    epoch = np.maximum(steps - 1, warmup) // steps_per_epoch
    total = max(1, total_steps - warmup)
    time = _Time(past.astype(np.float64), float(total), epoch.astype(np.float64), steps_per_epoch)
    factors = np.broadcast_to(_BY_TYPE[schedule.type](schedule, time), steps.shape)
    if warmup > 0:
        factors = factors * np.minimum(steps / warmup, 1.0)
    return base_rate * factors * plateau_factor


def _constant(schedule: Any, time: _Time) -> Any:  # noqa: ARG001
    return 1.0


def _step(schedule: StepSchedule, time: _Time) -> Any:
    return schedule.factor ** (time.epoch // schedule.every)


def _multistep(schedule: MultistepSchedule, time: _Time) -> Any:
    reached = np.searchsorted(np.sort(schedule.milestones), time.epoch, side="right")
    return schedule.factor ** reached.astype(np.float64)


def _exponential(schedule: ExponentialSchedule, time: _Time) -> Any:
    return schedule.factor**time.epoch


def _cosine(schedule: CosineSchedule, time: _Time) -> Any:
    return _half_cosine(1.0, schedule.final, time.t / time.T)


def _cosine_restarts(schedule: CosineRestartsSchedule, time: _Time) -> Any:
    first = schedule.period * time.steps_per_epoch
    if schedule.multiplier == 1:
        return _half_cosine(1.0, schedule.final, time.t % first / first)
    starts, lengths = [0], [first]
    while starts[-1] + lengths[-1] < time.T:
        starts.append(starts[-1] + lengths[-1])
        lengths.append(lengths[-1] * schedule.multiplier)
    period = np.searchsorted(starts, time.t, side="right") - 1
    done = (time.t - np.array(starts)[period]) / np.array(lengths)[period]
    return _half_cosine(1.0, schedule.final, done)


def _one_cycle(schedule: OneCycleSchedule, time: _Time) -> Any:
    start = 1.0 / schedule.initial_divisor
    top, end = schedule.rise * time.T - 1.0, time.T - 1.0
    # With no step before the top (a very short run) there is nothing to rise over.
    rising = _half_cosine(start, 1.0, time.t / top if top > 0.0 else np.ones_like(time.t))
    falling = _half_cosine(1.0, start / schedule.final_divisor, (time.t - top) / (end - top))
    return np.where(time.t <= top, rising, falling)


def _polynomial(schedule: PolynomialSchedule, time: _Time) -> Any:
    left = 1.0 - time.t / time.T
    return schedule.final + (1.0 - schedule.final) * left**schedule.power


def _coslog4(schedule: Coslog4Schedule, time: _Time) -> Any:  # noqa: ARG001
    return 0.5 * (1.0 - np.cos(2.0 * math.pi * np.log2(1.0 + 15.0 * time.t / time.T)))


def _flat_cos(schedule: FlatCosSchedule, time: _Time) -> Any:
    done = np.maximum(time.t / time.T - schedule.flat, 0.0) / (1.0 - schedule.flat)
    return _half_cosine(1.0, 0.0, done)


def _half_cosine(start: float, end: float, done: Rates) -> Rates:
    """From start to end as `done` goes from 0 to 1."""
    return end + (start - end) * (1.0 + np.cos(math.pi * done)) / 2.0


_BY_TYPE: Mapping[str, Callable[[Any, _Time], Any]] = {
    "constant": _constant,
    "step": _step,
    "multistep": _multistep,
    "exponential": _exponential,
    "cosine": _cosine,
    "cosine_restarts": _cosine_restarts,
    "one_cycle": _one_cycle,
    "polynomial": _polynomial,
    "reduce_on_plateau": _constant,
    "coslog4": _coslog4,
    "flat_cos": _flat_cos,
}
