"""What a run tells while it goes, and how its data is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.clock import SystemClock
from service.store.blobs import Blobs
from service.usecases.bells import RESERVE
from service.usecases.leases import Leases
from service.usecases.reports import Reports
from tests.workers.attempts import (
    LEASE_S,
    LINEAR,
    LONG,
    create,
    never,
    train,
)
from workers.modelling.scratch import Scratch
from workers.runner import Runner

if TYPE_CHECKING:
    from pathlib import Path

    from service.schemas.runs import Requested
    from service.store.db import Sessions
    from service.usecases.claims import ProgressPart
    from tests.service.usecases.world import World


class CountingLeases(Leases):
    """Remembers which epochs each write of progress held."""

    def __init__(self, sessions: Sessions) -> None:
        super().__init__(sessions, Blobs(), lease_s=LEASE_S)
        self.epochs: list[tuple[int, ...]] = []

    def record(self, run_id: str, fence: int, part: ProgressPart) -> Requested | None:
        self.epochs.append(tuple(epoch.epoch for epoch in part.epochs))
        return super().record(run_id, fence, part)


def test_what_was_decided_about_the_data_is_told(world: World) -> None:
    run = train(world, create(world, epochs=1, batch_size=4, early_stopping=None))
    warned = [event for event in world.story(run.id) if event.type == "data.warning"]
    assert [event.data["code"] for event in warned] == ["feature_dropped"]


def test_every_figure_of_an_epoch_is_in_the_curve(world: World) -> None:
    schedule = {"type": "exponential", "factor": 0.5}
    spec = {"epochs": 4, "early_stopping": {"monitor": "val_r2"}, "schedule": schedule}
    run = train(world, create(world, **spec))
    curve = world.runs.metrics(world.project_id, run.id, max_points=100).series
    assert set(curve) == {
        *("train_loss", "val_loss", "val_rmse", "val_mae", "val_r2", "learning_rate")
    }
    rates = curve["learning_rate"]
    assert rates == pytest.approx([rates[0] * 0.5**k for k in range(4)])  # type: ignore[operator]
    assert run.best is not None
    assert (run.best.monitor, run.best.value) == ("val_r2", max(x or 0.0 for x in curve["val_r2"]))


def test_each_milestone_of_the_learning_rate_is_told(world: World) -> None:
    schedule = {"type": "step", "every": 2, "factor": 0.1}
    run = train(world, create(world, epochs=6, early_stopping=None, schedule=schedule))
    told = [e.data for e in world.story(run.id) if e.type == "learning_rate.changed"]
    assert [change["epoch"] for change in told] == [3, 5]
    assert told[0]["to"] == pytest.approx(told[0]["from"] / 10)


def test_a_list_of_targets_stays_a_list_to_the_model_and_its_report(world: World) -> None:
    run = train(world, world.create(target=["y"], features=["x"], training={"epochs": 3}).id)
    assert (run.status, run.target) == ("succeeded", ["y"])
    assert run.model_id is not None
    reports = Reports(world.sessions)
    assert reports.get(world.project_id, run.model_id).target == ["y"]
    report = reports.of_run(world.project_id, run.id).model_dump()
    assert set(report["validation"]["targets"]) == {"y"}


def test_data_that_lies_in_files_trains_the_same_bits_and_leaves_nothing(
    world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    spec = {"epochs": 5, "batch_size": 4}
    in_memory = train(world, create(world, **spec))
    in_files = train(world, create(world, **spec), scratch=Scratch(folder, mapped_bytes=0))
    assert in_files.status == "succeeded"
    assert in_files.weights_sha256 == in_memory.weights_sha256
    assert list(folder.iterdir()) == []


def test_progress_is_written_at_most_every_half_second(world: World) -> None:
    leases = CountingLeases(world.sessions)
    runner = Runner(
        leases=leases,
        worker_id="wrk_test",
        lease_s=LEASE_S,
        clock=SystemClock(),
        is_draining=never,
        ring_next=world.reconciler.ring,
    )
    run_id = world.create(**LINEAR, training=LONG, budget={"seconds": 2.0}).id
    runner.run(run_id)
    # One where the attempt begins, one with the first epoch alone, then one every half second.
    assert len(leases.epochs) <= 2 + 2.0 / 0.5
    assert leases.epochs[:2] == [(), (1,)]
    assert world.get(run_id).progress.epoch > 20


def test_the_next_run_in_turn_is_rung_for_when_a_run_ends(world: World) -> None:
    waiting = [create(world, epochs=1, early_stopping=None) for _ in range(RESERVE + 3)]
    # As many bells as may hang for one slot.
    assert world.broker.rung == waiting[: 1 + RESERVE]
    train(world, waiting[0])
    # On a slow machine bells that nobody answered have been rung once more by now.
    assert list(dict.fromkeys(world.broker.rung)) == waiting[: 2 + RESERVE]
