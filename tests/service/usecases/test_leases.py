"""Leases: one holder at a time, and nothing written by any other."""

from __future__ import annotations

import math
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from service.errors import LeaseLostError
from service.store.tables import ModelRow
from service.usecases.claims import (
    BestEpoch,
    EpochMetrics,
    ModelParts,
    NewCheckpoint,
    Outcome,
    ProgressPart,
)
from service.usecases.workers import WorkerIdentity, Workers
from tests.service.usecases.world import progress

if TYPE_CHECKING:
    from tests.service.usecases.world import World

SUCCESS = Outcome(status="succeeded", stop_reason="max_epochs", weights_sha256="a" * 64)
MODEL = ModelParts(
    data=b"a model",
    target="y",
    task="regression",
    features=(("x", "numeric"),),
    classes=None,
    parameters=2,
    metrics={"val_loss": 0.5, "val_r2": math.nan},
)


def test_a_run_is_claimed_once(world: World) -> None:
    run = world.create()
    claim = world.claim(run.id, "one")
    assert world.leases.claim(run.id, "another") is None
    assert (claim.fence, claim.attempt, claim.checkpoint) == (1, 1, None)
    assert claim.spec == run.spec
    copy = BytesIO(b"what another attempt to read it left, and more")
    world.leases.copy_dataset(claim, copy)
    assert copy.getvalue() == b"the typed Parquet"
    shown = world.get(run.id)
    assert (shown.status, shown.attempt) == ("running", 1)
    assert shown.started_at is not None


@pytest.mark.parametrize("run_id", ["run_00000000000000000000000000", "x\x00", "", "\ud800"])
def test_a_forged_bell_claims_nothing(world: World, run_id: str) -> None:
    assert world.leases.claim(run_id, "worker") is None


def test_a_run_whose_time_has_not_come_is_not_claimed(world: World) -> None:
    run = world.create()
    world.shift(run.id, available_at=60.0)
    assert world.leases.claim(run.id, "worker") is None


def test_progress_is_shown_with_its_events(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    world.leases.record(
        run.id,
        fence,
        ProgressPart(
            epoch=2,
            step=20,
            trained_seconds=0.5,
            samples_per_second=100.0,
            eta_seconds=3.0,
            epochs=(
                EpochMetrics(1, {"train_loss": 2.0, "val_loss": 3.0}),
                EpochMetrics(2, {"train_loss": 1.0, "val_loss": math.inf}),
            ),
            best=BestEpoch(2, "val_loss", 1.0),
            checkpoint=NewCheckpoint(
                kind="periodic", epoch=2, step=20, state=b"state", is_best=True
            ),
        ),
    )
    shown = world.get(run.id)
    assert shown.progress.model_dump() == {
        "epoch": 2, "epochs": run.spec.training.epochs, "step": 20,
        "folds": None, "folds_done": None,
        "fraction": 2 / run.spec.training.epochs, "eta_seconds": 3.0, "samples_per_second": 100.0,
    }  # fmt: skip
    assert shown.metrics == {"epoch": 2, "train_loss": 1.0, "val_loss": None}
    [checkpoint] = world.runs.checkpoints(world.project_id, run.id).data
    assert shown.best is not None
    assert shown.best.checkpoint_id == checkpoint.id
    curves = world.runs.metrics(world.project_id, run.id)
    assert curves.epochs == [1, 2]
    assert curves.series == {"train_loss": [2.0, 1.0], "val_loss": [3.0, None]}
    assert curves.nonfinite == {"val_loss": {"2": "inf"}}
    story = world.story(run.id)
    assert [event.type for event in story] == [
        "run.status_changed", "run.status_changed", "epoch.completed", "epoch.completed",
        "checkpoint.saved",
    ]  # fmt: skip
    assert [event.seq for event in story] == [1, 2, 3, 4, 5]


def test_an_old_fence_writes_nothing(world: World) -> None:
    run = world.create()
    old = world.claim(run.id, "zombie").fence
    world.expire(run.id)
    world.reconciler.reconcile()
    world.shift(run.id, available_at=0.0)
    assert world.claim(run.id, "successor").fence > old
    before = world.story(run.id)
    with pytest.raises(LeaseLostError):
        world.leases.heartbeat(run.id, old)
    with pytest.raises(LeaseLostError):
        world.leases.record(run.id, old, progress(1, state=b"late"))
    with pytest.raises(LeaseLostError):
        world.leases.release(run.id, old, progress(1))
    with pytest.raises(LeaseLostError):
        world.leases.finish(run.id, old, SUCCESS)
    assert world.story(run.id) == before
    assert world.get(run.id).status == "running"


def test_a_heartbeat_brings_back_what_is_asked(world: World) -> None:
    workers = Workers(world.sessions)
    workers.announce(WorkerIdentity("worker", 1, "host", ["slope.cpu"], slots=1))
    run = world.create()
    fence = world.claim(run.id).fence
    orders = world.leases.heartbeat(run.id, fence)
    assert (orders.requested, orders.drain, orders.overdue) == (None, False, False)
    workers.drain("worker")
    world.runs.cancel(world.project_id, run.id)
    world.shift(run.id, deadline_at=-1.0)
    orders = world.leases.heartbeat(run.id, fence)
    assert (orders.requested, orders.drain, orders.overdue) == ("cancel", True, True)


def test_a_heartbeat_prolongs_the_lease(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    world.expire(run.id)
    world.leases.heartbeat(run.id, fence)
    assert world.reconciler.reconcile().reaped == ()


def test_what_is_computed_again_is_compared_bit_for_bit(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    values = {"train_loss": 0.1 + 0.2, "val_loss": math.nan, "val_r2": -0.0}
    world.leases.record(run.id, fence, progress(1, metrics=values))
    world.leases.record(run.id, fence, progress(1, metrics=values))
    assert world.get(run.id).reproducible
    world.leases.record(run.id, fence, progress(1, metrics={**values, "val_r2": 5e-324}))
    assert not world.get(run.id).reproducible
    completed = [event for event in world.story(run.id) if event.type == "epoch.completed"]
    assert len(completed) == 1
    assert world.story(run.id)[-1].data["code"] == "nondeterminism"


def test_other_numerics_mark_the_run(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    for numerics in ({"blas": "one"}, {"blas": "one"}):
        part = ProgressPart(epoch=0, step=0, trained_seconds=0.0, numerics=numerics)
        world.leases.record(run.id, fence, part)
    assert world.get(run.id).reproducible
    part = ProgressPart(epoch=0, step=0, trained_seconds=0.0, numerics={"blas": "two"})
    world.leases.record(run.id, fence, part)
    assert not world.get(run.id).reproducible


def test_a_finished_run_has_its_model_in_the_same_moment(world: World) -> None:
    run = world.create(model="line")
    fence = world.claim(run.id).fence
    last = ProgressPart(
        epoch=1,
        step=10,
        trained_seconds=0.1,
        epochs=(EpochMetrics(1, {"train_loss": 0.5}),),
        checkpoint=NewCheckpoint(kind="final", epoch=1, step=10, weights=b"weights"),
    )
    ended = Outcome(
        status="succeeded", stop_reason="max_epochs", model=MODEL, weights_sha256="a" * 64,
        report={"r2": math.nan, "rows": (1, 2)}, last=last,
    )  # fmt: skip
    world.leases.finish(run.id, fence, ended)
    shown = world.get(run.id)
    assert (shown.status, shown.stop_reason) == ("succeeded", "max_epochs")
    assert shown.weights_sha256 == "a" * 64
    assert shown.finished_at is not None
    assert world.row(run.id).report == {"r2": None, "rows": [1, 2]}
    with world.sessions.read() as session:
        model = session.scalars(select(ModelRow)).one()
        assert world.blobs.get(session, model.sha256) == b"a model"
    assert (shown.model_id, model.name, model.version) == (model.id, "line", 1)
    assert model.metrics == {"val_loss": 0.5, "val_r2": None}
    assert world.story(run.id)[-1].data["to"] == "succeeded"


def test_finishing_twice_is_finishing_once(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    world.leases.finish(run.id, fence, SUCCESS)
    before = world.story(run.id)
    world.leases.finish(run.id, fence, SUCCESS)
    assert world.story(run.id) == before
    failure = Outcome(status="failed", stop_reason="error", error="Something else.")
    with pytest.raises(LeaseLostError):
        world.leases.finish(run.id, fence, failure)
    assert world.get(run.id).status == "succeeded"


@pytest.mark.parametrize("repeated", [1, 2])
def test_a_run_that_was_to_be_cancelled_does_not_succeed_after_all(
    world: World, repeated: int
) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    world.runs.cancel(world.project_id, run.id)
    for _ in range(repeated):
        world.leases.finish(run.id, fence, replace(SUCCESS, model=MODEL, last=progress(1)))
    shown = world.get(run.id)
    assert (shown.status, shown.stop_reason, shown.model_id) == ("cancelled", "user_cancel", None)
    assert shown.metrics["epoch"] == 1


def test_writing_progress_brings_back_what_is_asked(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    assert world.leases.record(run.id, fence, progress(1)) is None
    world.runs.cancel(world.project_id, run.id)
    assert world.leases.record(run.id, fence, progress(2)) == "cancel"


def test_a_name_counts_its_versions(world: World) -> None:
    for version in (1, 2, 3):
        run = world.create(model="line")
        fence = world.claim(run.id).fence
        ended = Outcome(status="stopped", stop_reason="budget", model=MODEL)
        world.leases.finish(run.id, fence, ended)
        with world.sessions.read() as session:
            made = select(ModelRow.version).where(ModelRow.run_id == run.id)
            assert session.scalar(made) == version


def test_a_failure_says_why(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    detail = "Column 'x' holds text in row 7."
    ended = Outcome(status="failed", stop_reason="invalid_data", error=detail, param="x")
    world.leases.finish(run.id, fence, ended)
    error = world.get(run.id).error
    assert error is not None
    assert error.model_dump() == {"code": "invalid_data", "detail": detail, "param": "x"}


def test_a_drained_run_waits_again_without_a_crash(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    world.leases.release(run.id, fence, progress(1, state=b"state"))
    row = world.row(run.id)
    assert (row.status, row.crashes_total, row.lease_owner) == ("queued", 0, None)
    claim = world.claim(run.id)
    assert claim.checkpoint is not None
    assert claim.checkpoint.state == b"state"


def test_a_drained_run_that_was_to_be_cancelled_is_cancelled(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    world.runs.cancel(world.project_id, run.id)
    world.leases.release(run.id, fence, None)
    assert world.get(run.id).status == "cancelled"
