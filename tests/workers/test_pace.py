"""How fast an attempt trains: speed, time left, budget, across attempts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from workers.engine.spec import MseSpec, TrainingSpec
from workers.pace import Pace

if TYPE_CHECKING:
    from datetime import datetime

    from service.usecases.claims import Claim
    from workers.fit import Fit


class SetClock:
    """Time that passes when a test says so."""

    seconds = 50.0

    def now(self) -> datetime:
        raise NotImplementedError

    def monotonic_s(self) -> float:
        return self.seconds


def at(epoch: int, step_in_epoch: int = 0) -> Fit:
    """A training of 90 rows, at this place."""
    return cast("Fit", SimpleNamespace(epoch=epoch, step_in_epoch=step_in_epoch, n_rows=90))


def pace(
    clock: SetClock,
    start: Fit,
    *,
    seconds: float | None = None,
    epochs: int | None = None,
    earlier_s: float = 0.0,
    accumulate: int = 1,
    folds: int | None = None,
) -> Pace:
    """A run of 10 epochs of 5 batches with 20 rows each, the last one with 10."""
    spec = SimpleNamespace(
        training=TrainingSpec(epochs=10, batch_size=20, loss=MseSpec(), accumulate=accumulate),
        budget=SimpleNamespace(seconds=seconds, epochs=epochs),
        split=SimpleNamespace(folds=folds),
    )
    claim = SimpleNamespace(spec=spec, trained_seconds=earlier_s)
    return Pace(cast("Claim", claim), start, clock)


def test_nothing_is_guessed_before_the_first_step() -> None:
    clock = SetClock()
    it = pace(clock, at(0))
    assert it.samples_per_second(at(0)) is None
    assert it.eta_seconds(at(0)) is None


def test_speed_and_time_left_follow_from_the_epochs_done() -> None:
    clock = SetClock()
    it = pace(clock, at(0))
    clock.seconds += 5.0
    assert it.samples_per_second(at(2, 5)) == pytest.approx(3 * 90 / 5)
    assert it.eta_seconds(at(2)) == pytest.approx(5.0 / 2 * 8)


def test_an_attempt_that_goes_on_is_measured_from_where_it_began() -> None:
    clock = SetClock()
    it = pace(clock, at(6), earlier_s=100.0)
    clock.seconds += 4.0
    assert it.trained_seconds == pytest.approx(104.0)
    assert it.eta_seconds(at(8)) == pytest.approx(4.0)


def test_a_budget_shortens_what_is_left() -> None:
    clock = SetClock()
    by_epochs = pace(clock, at(0), epochs=4)
    by_time = pace(clock, at(0), seconds=6.0)
    clock.seconds += 4.0
    assert by_epochs.eta_seconds(at(2)) == pytest.approx(4.0)
    assert by_time.eta_seconds(at(2)) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("epochs", "seconds", "epoch", "spent"),
    [(4, None, 3, False), (4, None, 4, True), (None, 6.0, 9, False), (None, 5.0, 1, True)],
)
def test_a_budget_is_spent_by_epochs_or_by_the_time_of_all_attempts(
    epochs: int | None, seconds: float | None, epoch: int, spent: bool
) -> None:
    clock = SetClock()
    it = pace(clock, at(0), epochs=epochs, seconds=seconds, earlier_s=3.0)
    clock.seconds += 2.0
    assert it.is_budget_spent(at(epoch)) is spent


def test_a_step_may_take_several_batches() -> None:
    clock = SetClock()
    # Five batches, two to a step: three steps to an epoch.
    it = pace(clock, at(0), accumulate=2)
    clock.seconds += 4.0
    assert it.samples_per_second(at(1, 1)) == pytest.approx((1 + 1 / 3) * 90 / 4.0)


def test_time_left_counts_the_folds() -> None:
    clock = SetClock()
    it = pace(clock, at(0), folds=4)
    clock.seconds += 20.0
    # 80 s are left of 100 s; then 4 trainings follow, of three quarters of the rows each.
    assert it.eta_seconds(at(2)) == pytest.approx(80.0 + 300.0)
    clock.seconds += 80.0
    speed = it.samples_per_second(at(10))
    it.begin_folds(at(10), 0)
    assert it.eta_seconds(at(10)) == pytest.approx(300.0)
    clock.seconds += 150.0
    it.folds_done = 2.0
    assert it.eta_seconds(at(10)) == pytest.approx(150.0)
    assert it.samples_per_second(at(10)) == speed
