"""The life of one run: every end it can come to, on each database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import update

from service.errors import UnavailableError
from service.store.blobs import Blobs
from service.store.tables import BlobChunkRow, RunRow
from service.usecases.claims import NewCheckpoint, ProgressPart
from service.usecases.leases import Leases
from tests.workers.attempts import (
    LEASE_S,
    LINEAR,
    LONG,
    Looks,
    add_line,
    create,
    kinds,
    train,
)
from tests.workers.engine.guard.kernels import Transfers, guard_kernels

if TYPE_CHECKING:
    from service.usecases.claims import Claim
    from tests.service.usecases.world import World


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
    assert {"initial", "periodic"} <= set(kinds(world, run_id))


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


def test_a_run_whose_bell_was_heard_is_asked_for_until_the_database_is_back(world: World) -> None:
    run_id = create(world, epochs=2, early_stopping=None)
    leases = AwayLeases(world.sessions, Blobs(), lease_s=LEASE_S)
    assert train(world, run_id, Looks(2, lambda: True), leases=leases).status == "queued"
    assert train(world, run_id, leases=leases).status == "succeeded"


class AwayLeases(Leases):
    """Its database is away for the first claims."""

    failures_left = 3

    def claim(self, run_id: str, worker_id: str) -> Claim | None:
        if self.failures_left:
            self.failures_left -= 1
            raise UnavailableError("database")
        return super().claim(run_id, worker_id)


def test_a_run_past_its_deadline_fails_with_its_checkpoint(world: World) -> None:
    run_id = create(world)
    run = train(world, run_id, Looks(30, lambda: world.shift(run_id, deadline_at=-1.0)))
    assert (run.status, run.stop_reason) == ("failed", "deadline_exceeded")
    assert run.error is not None
    assert run.error.code == "deadline_exceeded"
    assert {"initial", "periodic"} <= set(kinds(world, run_id))


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
    assert kinds(world, run.id) == ["best", "final", "initial"]
    [event] = [event for event in world.story(run.id) if event.type == "divergence.detected"]
    assert event.data["epoch"] == run.progress.epoch + 1
    assert event.data["tensor"] in run.error.detail
    assert event.data["suggestion"]["code"] == "learning_rate"
    assert event.data["suggestion"]["value"] == 1.0
    assert event.message == run.error.detail


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


def table_without_y() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": pa.array([1.0, 2.0])}), sink)
    return bytes(sink.getvalue())
