from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.usecases.claims import EpochMetrics, ProgressPart
from service.usecases.rate_changes import rate_changes
from workers.engine.spec import (
    CosineSchedule,
    MultistepSchedule,
    ReduceOnPlateauSchedule,
    StepSchedule,
)

if TYPE_CHECKING:
    from tests.service.usecases.world import World
    from workers.engine.spec import Schedule

STEP = StepSchedule(every=2, factor=0.5)


def epochs(*rates: float, first: int = 1) -> list[EpochMetrics]:
    return [EpochMetrics(first + n, {"learning_rate": rate}) for n, rate in enumerate(rates)]


@pytest.mark.parametrize(
    "schedule", [STEP, MultistepSchedule(milestones=(2, 3)), ReduceOnPlateauSchedule()]
)
def test_each_step_down_is_told_with_both_rates(schedule: Schedule) -> None:
    found = dict(rate_changes(schedule, {}, epochs(0.1, 0.1, 0.05, 0.01)))
    assert list(found) == [3, 4]
    assert found[3].data == {"epoch": 3, "from": 0.1, "to": 0.05, "schedule": schedule.type}


def test_a_step_down_is_seen_across_what_was_recorded_before() -> None:
    known = {"epoch": 4, "learning_rate": 0.1}
    assert list(dict(rate_changes(STEP, known, epochs(0.05, first=5)))) == [5]
    assert not dict(rate_changes(STEP, known, epochs(0.05, first=6)))


def test_a_warm_up_and_rates_that_always_move_are_no_news() -> None:
    assert not dict(rate_changes(STEP, {}, epochs(0.01, 0.05, 0.1)))
    assert not dict(rate_changes(CosineSchedule(), {}, epochs(0.1, 0.05)))
    assert not dict(rate_changes(None, {}, epochs(0.1, 0.05)))


def test_a_run_on_a_plateau_tells_so_once_though_an_epoch_is_recorded_twice(world: World) -> None:
    schedule = {"type": "reduce_on_plateau", "factor": 0.5, "patience": 2}
    run = world.create(training={"epochs": 9, "schedule": schedule})
    fence = world.claim(run.id).fence
    for epoch, rate in [(1, 0.1), (2, 0.05), (2, 0.05), (3, 0.05)]:
        part = ProgressPart(
            epoch=epoch, step=epoch, trained_seconds=0.1, epochs=tuple(epochs(rate, first=epoch))
        )
        world.leases.record(run.id, fence, part)
    (event,) = [e for e in world.story(run.id) if e.type == "learning_rate.changed"]
    assert (event.data["from"], event.data["to"]) == (0.1, 0.05)
