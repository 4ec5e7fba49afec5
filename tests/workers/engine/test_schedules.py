"""Schedules against their closed forms: end points, turning points, warm-up, any step directly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest

from workers.engine import schedules
from workers.engine.spec import (
    AdamSpec,
    ConstantSchedule,
    CosineRestartsSchedule,
    CosineSchedule,
    Coslog4Schedule,
    ExponentialSchedule,
    FlatCosSchedule,
    MseSpec,
    MultistepSchedule,
    OneCycleSchedule,
    PolynomialSchedule,
    ReduceOnPlateauSchedule,
    Schedule,
    StepSchedule,
    TrainingSpec,
)
from workers.engine.steps.timetable import Timetable

if TYPE_CHECKING:
    from numpy.typing import NDArray

PER_EPOCH, EPOCHS = 10, 12
TOTAL = PER_EPOCH * EPOCHS
BASE = 0.4

SCHEDULES: list[Schedule] = [
    ConstantSchedule(),
    StepSchedule(every=3),
    MultistepSchedule(milestones=(2, 7)),
    ExponentialSchedule(factor=0.9),
    CosineSchedule(final=0.1),
    CosineRestartsSchedule(period=3),
    CosineRestartsSchedule(period=1, multiplier=2, final=0.2),
    OneCycleSchedule(),
    PolynomialSchedule(power=2.0, final=0.25),
    ReduceOnPlateauSchedule(),
    Coslog4Schedule(),
    FlatCosSchedule(flat=0.25),
]


def factors(schedule: Schedule | None, total: int = TOTAL, **options: Any) -> NDArray[np.float64]:
    """Of the base rate, for every step of a run."""
    steps = np.arange(1, total + 1)
    return schedules.rates(schedule, BASE, steps, PER_EPOCH, total, **options) / BASE


def cosine(start: float, end: float, u: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * u)) / 2


def expected(schedule: Any, t: int) -> float:  # noqa: C901 - a formula for each
    """The factor after t steps, by the formula of the specification, one number at a time."""
    part, epoch = t / TOTAL, t // PER_EPOCH
    match schedule:
        case StepSchedule():
            return float(schedule.factor ** (epoch // schedule.every))
        case MultistepSchedule():
            return float(schedule.factor ** sum(m <= epoch for m in schedule.milestones))
        case ExponentialSchedule():
            return float(schedule.factor**epoch)
        case CosineSchedule():
            return cosine(1.0, schedule.final, part)
        case CosineRestartsSchedule():
            length = schedule.period * PER_EPOCH
            while t >= length:
                t, length = t - length, length * schedule.multiplier
            return cosine(1.0, schedule.final, t / length)
        case OneCycleSchedule():
            top, start = schedule.rise * TOTAL - 1, 1 / schedule.initial_divisor
            if t <= top:
                return cosine(start, 1.0, t / top)
            return cosine(1.0, start / schedule.final_divisor, (t - top) / (TOTAL - 1 - top))
        case PolynomialSchedule():
            return schedule.final + (1 - schedule.final) * float((1 - part) ** schedule.power)
        case Coslog4Schedule():
            return (1 - math.cos(2 * math.pi * math.log2(1 + 15 * part))) / 2
        case FlatCosSchedule():
            return cosine(1.0, 0.0, max(0.0, part - schedule.flat) / (1 - schedule.flat))
    return 1.0


def test_every_schedule_has_a_case() -> None:
    kinds = {member.type for member in get_args(get_args(Schedule)[0])}
    assert {schedule.type for schedule in SCHEDULES} == kinds


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_every_step_has_the_rate_of_the_formula(schedule: Schedule) -> None:
    found = factors(schedule)
    assert found == pytest.approx([expected(schedule, t) for t in range(TOTAL)], abs=1e-12)


@pytest.mark.parametrize(
    ("schedule", "first", "last"),
    [
        (ConstantSchedule(), 1.0, 1.0),
        (StepSchedule(every=6, factor=0.5), 1.0, 0.5),
        (CosineSchedule(), 1.0, (1 + math.cos(math.pi * (TOTAL - 1) / TOTAL)) / 2),
        (OneCycleSchedule(), 1 / 25, 1 / 25e4),
        (OneCycleSchedule(initial_divisor=10.0, final_divisor=100.0), 0.1, 1e-3),
        (PolynomialSchedule(), 1.0, 1 / TOTAL),
        (Coslog4Schedule(), 0.0, None),
        (FlatCosSchedule(), 1.0, None),
        (None, 1.0, 1.0),
    ],
    ids=str,
)
def test_a_run_begins_and_ends_where_it_should(
    schedule: Schedule | None, first: float, last: float | None
) -> None:
    found = factors(schedule)
    assert found[0] == pytest.approx(first, abs=1e-12)
    if last is not None:
        assert found[-1] == pytest.approx(last, rel=1e-9)


def test_one_cycle_is_at_the_base_rate_at_its_top() -> None:
    found = factors(OneCycleSchedule(rise=0.25))
    assert int(np.argmax(found)) == 0.25 * TOTAL - 1
    assert found.max() == pytest.approx(1.0, rel=1e-12)


def test_restarts_come_when_a_period_is_over() -> None:
    """Periods of 1, 2 and 4 epochs begin at epochs 0, 1, 3 and 7."""
    found = factors(CosineRestartsSchedule(period=1, multiplier=2))
    restarts = [0, *(np.flatnonzero(np.diff(found) > 0.0) + 1)]
    assert [step // PER_EPOCH for step in restarts] == [0, 1, 3, 7]
    assert found[restarts].tolist() == [1.0] * 4


@pytest.mark.parametrize("kind", [type(schedule) for schedule in SCHEDULES])
def test_any_schedule_may_be_warmed_up(kind: Any) -> None:
    """Linearly, to the rate with which the schedule begins; the rest is the schedule of the rest.

    Epochs are those of the run: a milestone stays where it is.
    """
    needed: dict[Any, dict[str, Any]] = {
        StepSchedule: {"every": 3},
        MultistepSchedule: {"milestones": (2, 7)},
        CosineRestartsSchedule: {"period": 3},
    }
    fields = needed.get(kind, {})
    warm = factors(kind(**fields, warmup_steps=PER_EPOCH))
    assert warm[:PER_EPOCH] == pytest.approx(warm[PER_EPOCH] * np.arange(0.1, 1.05, 0.1), abs=1e-12)
    if kind in (StepSchedule, MultistepSchedule, ExponentialSchedule):
        assert warm[PER_EPOCH:] == pytest.approx(factors(kind(**fields))[PER_EPOCH:])
    else:
        rest = factors(kind(**fields), TOTAL - PER_EPOCH)
        assert warm[PER_EPOCH:] == pytest.approx(rest, abs=1e-12)


def test_a_plateau_multiplies_the_rate() -> None:
    assert (factors(ReduceOnPlateauSchedule(), plateau_factor=0.01) == 0.01).all()


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("total", [1, 2, 3])
def test_a_run_of_few_steps_has_rates_too(schedule: Schedule, total: int) -> None:
    found = factors(schedule, total)
    assert np.isfinite(found).all()
    assert (found >= 0.0).all()
    assert (found <= 1.0).all()


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_a_timetable_says_the_same_wherever_it_is_opened(schedule: Schedule) -> None:
    spec = TrainingSpec(
        epochs=100,
        batch_size=8,
        loss=MseSpec(),
        optimizer=AdamSpec(learning_rate=BASE),
        schedule=schedule,
    )
    whole = Timetable(spec, PER_EPOCH)
    in_turn = [(whole.rate(n), whole.coefficients(n)) for n in range(1, 1001)]
    for n in (1000, 1, 256, 257, 512, 513, 700):
        other = Timetable(spec, PER_EPOCH)
        assert (other.rate(n), other.coefficients(n)) == in_turn[n - 1]
        assert (whole.rate(n), whole.coefficients(n)) == in_turn[n - 1]
    plain = schedules.rates(schedule, BASE, np.arange(1, 1001), PER_EPOCH, 1000)
    assert [rate for rate, _ in in_turn] == pytest.approx(plain.tolist(), rel=1e-14, abs=1e-17)


def test_a_block_beyond_the_end_of_a_run_asks_for_nothing_undefined() -> None:
    """Roots of what is left are taken up to the last step only: warnings are errors here."""
    spec = TrainingSpec(
        epochs=2, batch_size=8, loss=MseSpec(), schedule=PolynomialSchedule(power=0.5)
    )
    assert Timetable(spec, PER_EPOCH).rate(20) == pytest.approx(1e-3 * (1 / 20) ** 0.5)
