"""The life of one run: every end it can come to, on each database."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import update

from service.clock import SystemClock
from service.ids import new_id
from service.settings import Limits
from service.store.blobs import Blobs
from service.store.tables import BlobChunkRow, DatasetRow, RunRow
from service.usecases.claims import NewCheckpoint, ProgressPart
from service.usecases.leases import Leases
from service.usecases.reports import Reports
from tests.service.usecases.world import RememberingBroker, World
from tests.workers.engine.guard.kernels import Transfers, guard_kernels
from workers.engine.kernels.plain import PLAIN
from workers.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.schemas.runs import Requested, Run
    from service.store.db import Sessions
    from workers.engine.kernels.contract import Kernels

LEASE_S = 0.6
LINEAR = {"network": {"layers": []}, "preprocessing": "none"}
LONG = {"epochs": 10_000, "batch_size": 1, "early_stopping": None}


class CountingLeases(Leases):
    """Remembers which epochs each write of progress held."""

    def __init__(self, sessions: Sessions) -> None:
        super().__init__(sessions, Blobs(), lease_s=LEASE_S)
        self.epochs: list[tuple[int, ...]] = []

    def record(self, run_id: str, fence: int, part: ProgressPart) -> Requested | None:
        self.epochs.append(tuple(epoch.epoch for epoch in part.epochs))
        return super().record(run_id, fence, part)


class Looks:
    """Does something at a worker's n-th look whether it drains, from 1."""

    def __init__(self, at: int, act: Callable[[], bool | None]) -> None:
        self._at = at
        self._act = act
        self._n = 0

    def __call__(self) -> bool:
        self._n += 1
        return self._n == self._at and bool(self._act())


def never() -> bool:
    return False


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], bytes]:
    """The profile and the Parquet of y = 2 x + 1 with a column that names each row."""
    folder = tmp_path_factory.mktemp("line")
    rows = [f"{x / 10},row {x},{2 * x / 10 + 1}" for x in range(60)]
    (folder / "line.csv").write_text("\n".join(["x,name,y", *rows]))
    result = subprocess.run(
        [
            *(sys.executable, "-m", "workers.tabular.ingest", folder / "line.csv"),
            *("--out", folder / "line.parquet", "--options", "{}"),
        ],
        capture_output=True,
        check=True,
    )
    return json.loads(result.stdout), (folder / "line.parquet").read_bytes()


@pytest.fixture
def world(sessions: Sessions, line: tuple[dict[str, Any], bytes]) -> World:
    it = World(sessions, Blobs(), RememberingBroker(), Limits.model_validate({}))
    it.dataset_id = add_line(it, *line)
    return it


def add_line(world: World, profile: dict[str, Any], data: bytes) -> str:
    with world.sessions.begin() as session:
        row = DatasetRow(
            id=new_id("ds"),
            project_id=world.project_id,
            name="line",
            format="csv",
            sha256="0" * 64,
            bytes=len(data),
            rows=60,
            profile=profile,
            blob_sha256=world.blobs.put(session, data),
        )
        session.add(row)
        return row.id


def train(
    world: World,
    run_id: str,
    is_draining: Callable[[], bool] = never,
    kernels: Kernels = PLAIN,
) -> Run:
    """Let a worker take the run to wherever it comes."""
    leases = Leases(world.sessions, Blobs(), lease_s=LEASE_S)
    runner = Runner(
        leases=leases,
        worker_id="wrk_test",
        lease_s=LEASE_S,
        clock=SystemClock(),
        is_draining=is_draining,
        ring_next=world.reconciler.ring,
        kernels=kernels,
    )
    runner.run(run_id)
    return world.get(run_id)


def kinds(world: World, run_id: str) -> list[str]:
    page = world.runs.checkpoints(world.project_id, run_id)
    return sorted(checkpoint.kind for checkpoint in page.data)


def create(world: World, **training: Any) -> str:
    """Queue a training of so many epochs, or an endless one."""
    return world.create(**LINEAR, training=training or LONG).id


def test_a_run_that_ends_well_leaves_a_model_a_report_and_its_weights(world: World) -> None:
    run = train(world, create(world, epochs=20, batch_size=4, early_stopping=None))
    assert (run.status, run.stop_reason, run.error) == ("succeeded", "max_epochs", None)
    assert run.model_id is not None
    assert run.weights_sha256 is not None
    assert kinds(world, run.id) == ["final", "initial"]
    assert (run.progress.epoch, run.progress.fraction) == (20, 1.0)
    assert run.best is not None
    assert run.best.monitor == "val_loss"
    row = world.row(run.id)
    assert row.report is not None
    assert row.report["coefficients"]["x"] == pytest.approx(2.0, abs=0.5)
    assert row.numerics is not None
    assert row.numerics["engine"]
    curves = world.runs.metrics(world.project_id, run.id, max_points=1000)
    assert curves.epochs == list(range(1, 21))
    assert set(curves.series) >= {"train_loss", "val_loss", "val_rmse", "val_mae", "val_r2"}


def test_a_run_on_another_device_is_drained_and_ends_with_the_same_model(world: World) -> None:
    training = {"epochs": 20, "batch_size": 8, "precision": "float64"}
    on_host, on_device = create(world, **training), create(world, **training)
    train(world, on_host)
    drained = train(world, on_device, Looks(6, lambda: True), guard_kernels(Transfers()))
    assert drained.status == "queued"
    run = train(world, on_device, kernels=guard_kernels(Transfers()))
    assert (run.status, run.stop_reason) == ("succeeded", "max_epochs")
    numerics = world.row(on_device).numerics
    assert numerics is not None
    assert numerics["device"] == "guard"
    expected = world.get(on_host).metrics
    assert run.metrics == pytest.approx(expected, rel=1e-9)


def test_what_was_decided_about_the_data_is_told(world: World) -> None:
    run = train(world, create(world, epochs=1, batch_size=4, early_stopping=None))
    warned = [event for event in world.story(run.id) if event.type == "data.warning"]
    assert [event.data["code"] for event in warned] == ["feature_dropped"]


def test_a_cancelled_run_ends_within_a_heartbeat_and_keeps_its_last_checkpoint(
    world: World,
) -> None:
    run_id = create(world)
    asked_s: list[float] = []

    def cancel() -> None:
        world.runs.cancel(world.project_id, run_id)
        asked_s.append(time.monotonic())

    run = train(world, run_id, Looks(30, cancel))
    assert time.monotonic() - asked_s[0] < LEASE_S + 0.5
    assert (run.status, run.stop_reason, run.model_id) == ("cancelled", "user_cancel", None)
    assert kinds(world, run_id) == ["initial", "periodic"]


def test_a_drained_run_goes_back_to_the_queue_and_ends_as_if_it_had_not(world: World) -> None:
    spec = {"epochs": 200, "batch_size": 1, "early_stopping": None}
    undisturbed = train(world, create(world, **spec))
    run_id = create(world, **spec)
    waiting = train(world, run_id, Looks(50, lambda: True))
    assert waiting.status == "queued"
    assert 0 < waiting.progress.epoch < 200
    assert world.row(run_id).crashes_total == 0
    run = train(world, run_id)
    assert (run.status, run.attempt, run.reproducible) == ("succeeded", 2, True)
    assert run.weights_sha256 == undisturbed.weights_sha256
    ours = world.runs.metrics(world.project_id, run_id, max_points=1000)
    assert ours == world.runs.metrics(world.project_id, undisturbed.id, max_points=1000)


def test_a_worker_that_drains_takes_no_run(world: World) -> None:
    assert train(world, create(world), lambda: True).attempt == 0


def test_a_run_past_its_deadline_fails_with_its_checkpoint(world: World) -> None:
    run_id = create(world)
    run = train(world, run_id, Looks(30, lambda: world.shift(run_id, deadline_at=-1.0)))
    assert (run.status, run.stop_reason) == ("failed", "deadline_exceeded")
    assert run.error is not None
    assert run.error.code == "deadline_exceeded"
    assert kinds(world, run_id) == ["initial", "periodic"]


def test_a_run_that_went_to_another_is_left_alone(world: World) -> None:
    run_id = create(world)

    def lose() -> None:
        world.expire(run_id)
        world.reconciler.reconcile()
        world.shift(run_id, available_at=-1.0)
        world.claim(run_id, "another")

    run = train(world, run_id, Looks(30, lose))
    assert (run.status, run.attempt) == ("running", 2)
    assert world.row(run_id).lease_owner == "another"


@pytest.mark.parametrize("budget", [{"epochs": 3}, {"seconds": 0.2}])
def test_a_spent_budget_ends_a_run_with_a_model(world: World, budget: dict[str, float]) -> None:
    run = train(world, world.create(**LINEAR, training=LONG, budget=budget).id)
    assert (run.status, run.stop_reason) == ("succeeded", "budget")
    assert run.model_id is not None
    assert run.progress.epoch == budget.get("epochs", run.progress.epoch)
    assert run.progress.epoch < 10_000


def test_a_run_that_diverges_fails_and_keeps_the_last_finite_weights(world: World) -> None:
    sgd = {"type": "sgd", "learning_rate": 10.0}
    run = train(world, create(world, epochs=50, batch_size=48, optimizer=sgd, early_stopping=None))
    assert (run.status, run.stop_reason, run.model_id) == ("failed", "diverged", None)
    assert run.error is not None
    assert "learning rate" in run.error.detail
    assert kinds(world, run.id) == ["final", "initial"]
    [event] = [event for event in world.story(run.id) if event.type == "divergence.detected"]
    assert event.data["epoch"] == run.progress.epoch + 1
    assert event.data["tensor"] in run.error.detail
    assert event.data["suggestion"]["code"] == "learning_rate"
    assert event.data["suggestion"]["value"] == 1.0
    assert event.message == run.error.detail


def test_a_list_of_targets_stays_a_list_to_the_model_and_its_report(world: World) -> None:
    run = train(world, world.create(target=["y"], features=["x"], training={"epochs": 3}).id)
    assert (run.status, run.target) == ("succeeded", ["y"])
    assert run.model_id is not None
    reports = Reports(world.sessions)
    assert reports.get(world.project_id, run.model_id).target == ["y"]
    assert set(reports.of_run(world.project_id, run.id)["validation"]["targets"]) == {"y"}


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


def test_a_table_that_is_not_the_planned_one_is_the_datas_fault(
    world: World, line: tuple[dict[str, Any], bytes]
) -> None:
    profile, _ = line
    world.dataset_id = add_line(world, profile, table_without_y())
    run = train(world, create(world, epochs=2))
    assert (run.status, run.stop_reason) == ("failed", "invalid_data")
    assert run.error is not None
    assert run.error.param == "y"


def test_a_defect_ends_the_run_and_says_nothing_internal(world: World) -> None:
    run_id = create(world, epochs=2)
    with world.sessions.begin() as session:
        session.execute(update(BlobChunkRow).values(data=b"rotten"))
    run = train(world, run_id)
    assert (run.status, run.stop_reason) == ("failed", "error")
    assert run.error is not None
    assert "sha" not in run.error.detail.lower()
    assert "Traceback" not in run.error.detail


def test_an_unreadable_checkpoint_costs_time_and_no_bit(world: World) -> None:
    spec = {"epochs": 30, "batch_size": 4, "early_stopping": None}
    undisturbed = train(world, create(world, **spec))
    run_id = create(world, **spec)
    junk = NewCheckpoint(kind="periodic", epoch=1, step=12, state=b"not a state")
    part = ProgressPart(epoch=1, step=12, trained_seconds=0.1, checkpoint=junk)
    world.leases.release(run_id, world.claim(run_id).fence, part)
    run = train(world, run_id)
    assert (run.status, run.weights_sha256) == ("succeeded", undisturbed.weights_sha256)
    assert any("starting over" in event.message for event in world.story(run_id))


def test_a_run_that_goes_on_with_other_numerics_says_so(world: World) -> None:
    run_id = create(world, epochs=2)
    with world.sessions.begin() as session:
        other = update(RunRow).where(RunRow.id == run_id).values(numerics={"numpy": "1.0"})
        session.execute(other)
    run = train(world, run_id)
    assert (run.status, run.reproducible) == ("succeeded", False)


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
    waiting = [create(world, epochs=1, early_stopping=None) for _ in range(4)]
    rung = world.broker.rung
    # As many bells as may hang for one slot.
    assert rung == waiting[:2]
    train(world, waiting[0])
    assert rung == waiting[:3]


def table_without_y() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": pa.array([1.0, 2.0])}), sink)
    return bytes(sink.getvalue())
