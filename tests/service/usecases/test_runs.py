"""Runs as their owner moves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from service.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
)
from service.ids import new_id
from service.settings import Limits
from service.store.tables import CheckpointRow, EpochRow, EventRow, NetworkRow, RunRow
from service.usecases.claims import NewCheckpoint, Outcome, ProgressPart
from service.usecases.curves import thinned
from service.usecases.idempotency import Idempotency, IdempotencyClaim
from service.usecases.plans import plan_of
from service.usecases.projects import Projects
from service.usecases.runs import Runs
from tests.service.usecases.world import progress
from workers.engine.spec import DenseSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.service.usecases.world import World

CANCELLED = Outcome(status="cancelled", stop_reason="user_cancel")


def test_a_new_run_waits_with_everything_resolved(world: World) -> None:
    run = world.create(labels={"team": "x"}, model="line", seed=7)
    assert (run.status, run.attempt, run.task, run.seed) == ("queued", 0, "regression", 7)
    assert run.spec.features == ["x"]
    assert (run.spec.model, run.spec.labels) == ("line", {"team": "x"})
    assert '"auto"' not in run.spec.model_dump_json()
    assert [change.status for change in run.status_history] == ["queued"]
    assert run == world.get(run.id)


def test_auto_leaves_nothing_open_and_says_why(world: World) -> None:
    run = world.create(network="auto")
    spec = run.spec
    assert (spec.recipe, bool(spec.reasons)) == ("auto", True)
    assert '"auto"' not in spec.model_dump_json(exclude={"recipe"})
    assert plan_of(spec).reasons == tuple(spec.reasons)
    [event] = [event for event in world.story(run.id) if event.type == "log"]
    assert event.data == {"code": "recipe", "recipe": "auto", "reasons": spec.reasons}


def test_a_specification_carries_its_plan_whole(world: World) -> None:
    spec = world.create(network={"layers": [{"type": "dense", "units": 3}]}).spec
    plan = plan_of(spec)
    assert (plan.network, plan.training, plan.split) == (spec.network, spec.training, spec.split)
    assert plan.recipe == "custom"


def test_a_wish_that_cannot_be_granted_says_where(world: World) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        world.create(target="nothing of the kind")
    assert caught.value.problems[0].pointer == "/target"


def test_a_stored_network_is_used_by_its_id(world: World) -> None:
    network_id = new_id("net")
    spec = '{"name": "two", "layers": [{"type": "dense", "units": 2}]}'
    with world.sessions.begin() as session:
        mine = world.project_id
        session.add(NetworkRow(id=network_id, project_id=mine, name="two", spec=spec))
    [layer] = world.create(network=network_id).spec.network.layers
    assert isinstance(layer, DenseSpec)
    assert layer.units == 2


@pytest.mark.parametrize("field", ["dataset_id", "network"])
def test_what_a_run_names_must_be_there(world: World, field: str) -> None:
    unknown = new_id("ds" if field == "dataset_id" else "net")
    with pytest.raises(NotFoundError):
        world.create(**{field: unknown})


def test_what_belongs_to_another_project_is_not_there(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    saved = NewCheckpoint(kind="initial", epoch=0, step=0, weights=b"weights")
    part = ProgressPart(epoch=0, step=0, trained_seconds=0.0, checkpoint=saved)
    world.leases.record(run.id, fence, part)
    [checkpoint] = world.runs.checkpoints(world.project_id, run.id).data
    other = Projects(world.sessions).ensure_project("second")
    looks: list[Callable[[], object]] = [
        lambda: world.runs.get(other, run.id),
        lambda: world.runs.cancel(other, run.id),
        lambda: world.runs.delete(other, run.id),
        lambda: world.runs.metrics(other, run.id),
        lambda: world.runs.checkpoints(other, run.id),
        lambda: world.runs.checkpoint(other, checkpoint.id),
        lambda: world.runs.checkpoint_weights(other, checkpoint.id),
        lambda: world.events.list(other, run.id),
        lambda: world.runs.create(other, world.wish()),
    ]
    for look in looks:
        with pytest.raises(NotFoundError):
            look()
    assert world.runs.list(other).data == []
    assert world.get(run.id).status == "running"


def test_too_many_waiting_runs_are_refused(world: World) -> None:
    few = Limits.model_validate({"runs_queued": 2})
    runs = Runs(world.sessions, world.blobs, world.broker, few)
    for _ in range(2):
        runs.create(world.project_id, world.wish())
    with pytest.raises(QuotaExceededError) as caught:
        runs.create(world.project_id, world.wish())
    assert caught.value.code == "quota_exceeded"
    world.claim(world.broker.rung[0])
    runs.create(world.project_id, world.wish())


def test_lists_are_newest_first_in_pages_and_filtered(world: World) -> None:
    ids = [world.create(model="line" if i % 2 else None).id for i in range(5)]
    newest_first = sorted(ids, reverse=True)
    first = world.runs.list(world.project_id, limit=3)
    assert [run.id for run in first.data] == newest_first[:3]
    rest = world.runs.list(world.project_id, limit=3, after=first.next)
    assert [run.id for run in rest.data] == newest_first[3:]
    assert rest.next is None
    named = world.runs.list(world.project_id, model="line").data
    assert {run.id for run in named} == {ids[1], ids[3]}
    world.runs.cancel(world.project_id, ids[0])
    cancelled = world.runs.list(world.project_id, status="cancelled").data
    assert [run.id for run in cancelled] == [ids[0]]
    assert world.runs.list(world.project_id, dataset_id=new_id("ds")).data == []
    with pytest.raises(InvalidRequestError, match="bad_cursor"):
        world.runs.list(world.project_id, after="'; DROP TABLE runs")


def test_a_waiting_run_is_cancelled_at_once(world: World) -> None:
    run = world.create()
    shown = world.runs.cancel(world.project_id, run.id)
    assert (shown.status, shown.stop_reason) == ("cancelled", "user_cancel")
    assert shown == world.runs.cancel(world.project_id, run.id)
    assert world.leases.claim(run.id, "worker") is None


def test_a_running_run_is_asked_to_end_and_ends_once(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    assert world.runs.cancel(world.project_id, run.id).requested == "cancel"
    world.runs.cancel(world.project_id, run.id)
    asked = [event for event in world.story(run.id) if event.type == "log"]
    assert len(asked) == 1
    world.leases.finish(run.id, fence, CANCELLED)
    assert world.get(run.id).status == "cancelled"
    assert world.get(run.id).requested is None


def test_a_finished_run_is_not_cancelled(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    world.leases.finish(run.id, fence, Outcome(status="succeeded", stop_reason="max_epochs"))
    with pytest.raises(ConflictError, match="run_finished"):
        world.runs.cancel(world.project_id, run.id)


def test_a_deleted_run_leaves_nothing_and_an_unfinished_one_stays(world: World) -> None:
    run = world.create()
    with pytest.raises(ConflictError, match="run_not_finished"):
        world.runs.delete(world.project_id, run.id)
    fence = world.claim(run.id).fence
    world.leases.record(run.id, fence, progress(1, state=b"state"))
    world.leases.finish(run.id, fence, CANCELLED)
    world.runs.delete(world.project_id, run.id)
    with world.sessions.read() as session:
        for table in (RunRow, EventRow, EpochRow, CheckpointRow):
            assert session.scalar(select(func.count()).select_from(table)) == 0
    assert world.events.since({run.id: 0}) == {}


def test_a_state_without_weights_is_not_downloaded(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    world.leases.record(run.id, fence, progress(1, state=b"state"))
    [checkpoint] = world.runs.checkpoints(world.project_id, run.id).data
    with pytest.raises(ConflictError, match="no_weights"):
        world.runs.checkpoint_weights(world.project_id, checkpoint.id)


def test_curves_are_thinned_to_what_was_asked_for(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    for epoch in range(1, 12):
        world.leases.record(run.id, fence, progress(epoch))
    curves = world.runs.metrics(world.project_id, run.id, max_points=6)
    assert curves.epochs == [1, 3, 5, 7, 9, 11]
    assert curves.series == {"train_loss": [1.0 / epoch for epoch in curves.epochs]}


@pytest.mark.parametrize("n_epochs", [0, 1, 2, 7, 1000])
@pytest.mark.parametrize("max_points", [1, 2, 3, 500])
def test_thinning_keeps_the_ends_and_the_order(n_epochs: int, max_points: int) -> None:
    epochs = list(range(1, n_epochs + 1))
    kept = thinned(epochs, max_points)
    assert kept == sorted(set(kept))
    assert len(kept) == min(n_epochs, max_points)
    assert kept[-1:] == epochs[-1:]
    assert max_points == 1 or kept[:1] == epochs[:1]


def test_a_repeated_create_is_answered_with_the_first_run(world: World) -> None:
    keys = Idempotency(world.sessions)
    claim = keys.begin(world.project_id, "once", "f" * 64)
    assert isinstance(claim, IdempotencyClaim)
    run = world.runs.create(world.project_id, world.wish(), idempotency=claim)
    stored = keys.begin(world.project_id, "once", "f" * 64)
    assert not isinstance(stored, IdempotencyClaim)
    assert stored.status == 202
    assert stored.body == run.model_dump_json()
    assert stored.headers == {"Location": f"/v1/runs/{run.id}"}


def test_an_overtaken_create_leaves_no_run(world: World) -> None:
    keys = Idempotency(world.sessions)
    claim = keys.begin(world.project_id, "once", "f" * 64)
    assert isinstance(claim, IdempotencyClaim)
    keys.abandon(claim)
    with pytest.raises(ConflictError):
        world.runs.create(world.project_id, world.wish(), idempotency=claim)
    assert world.runs.list(world.project_id).data == []
    assert world.broker.rung == []
