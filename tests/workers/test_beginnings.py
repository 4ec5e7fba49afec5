"""Where attempts begin: checkpoints, parents, epoch 0, and nothing that is not whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import safetensors.numpy

from service.store.blobs import Blobs
from service.usecases.claims import NewCheckpoint, ParentState, ProgressPart
from service.usecases.leases import Leases
from tests.workers.attempts import (
    LEASE_S,
    LINEAR,
    Looks,
    create,
    kinds,
    rot,
    states,
    train,
)
from workers.engine import training
from workers.modelling.codec import FORMAT, states_from_bytes

if TYPE_CHECKING:
    from service.schemas.runs import Run
    from service.store.db import Sessions
    from service.usecases.claims import Claim
    from tests.service.usecases.world import World

SPEC: dict[str, Any] = {"epochs": 20, "batch_size": 4, "early_stopping": None}
STEPS = 12
MOMENTUM = {"type": "sgd", "learning_rate": 0.01, "momentum": 0.9}


class LeasesWithParent(Leases):
    """Hands over a parent with the claim, whatever the run's specification says."""

    def __init__(self, sessions: Sessions, parent: ParentState) -> None:
        super().__init__(sessions, Blobs(), lease_s=LEASE_S)
        self._given = parent

    def claim(self, run_id: str, worker_id: str) -> Claim | None:
        claim = super().claim(run_id, worker_id)
        return None if claim is None else replace(claim, parent=self._given)


def parent_of(world: World, run: Run, mode: Any = "continue", kind: str = "final") -> ParentState:
    [row] = [row for row in states(world, run.id) if row.kind == kind]
    with world.sessions.read() as session:
        state, weights = (
            None if digest is None else world.blobs.get(session, digest)
            for digest in (row.state_sha256, row.weights_sha256)
        )
    return ParentState(
        mode=mode,
        run_id=run.id,
        checkpoint_id=row.id,
        epoch=run.progress.epoch,
        step=run.progress.step,
        state=state,
        weights=weights,
    )


def begin_from(world: World, parent: ParentState, **training: Any) -> Run:
    run_id = create(world, **training)
    return train(world, run_id, leases=LeasesWithParent(world.sessions, parent))


def codes(world: World, run_id: str) -> list[Any]:
    return [event.data.get("code") for event in world.story(run_id) if event.type == "log"]


def weights(world: World, run: Run, kind: str) -> dict[str, Any]:
    [row] = [row for row in states(world, run.id) if row.kind == kind]
    return safetensors.numpy.load(world.runs.checkpoint_weights(world.project_id, row.id))


@pytest.fixture(autouse=True)
def _steps_are_seen_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHUNK_S", 0.0)


def drained(world: World, at_step: int, **training: Any) -> Run:
    """A run that was given back after so many steps."""
    return train(world, create(world, **training), Looks(2 + at_step, lambda: True))


@pytest.mark.parametrize("extra", [{}, {"optimizer": MOMENTUM, "ema_decay": 0.9}])
def test_ten_epochs_that_are_continued_to_twenty_are_twenty(
    world: World, extra: dict[str, Any]
) -> None:
    whole = train(world, create(world, **SPEC, **extra))
    half = train(world, create(world, **{**SPEC, "epochs": 10}, **extra))
    run = begin_from(world, parent_of(world, half), **SPEC, **extra)
    assert (run.status, run.weights_sha256) == ("succeeded", whole.weights_sha256)
    curve = world.runs.metrics(world.project_id, run.id, max_points=100)
    expected = world.runs.metrics(world.project_id, whole.id, max_points=100)
    assert curve.epochs == list(range(11, 21))
    assert curve.series["val_loss"] == expected.series["val_loss"][10:]
    assert run.progress.step == whole.progress.step


def test_a_training_that_had_stopped_itself_is_given_its_patience_anew(world: World) -> None:
    stopping = {"patience": 3, "min_delta": 1e6}
    spec = {**SPEC, "epochs": 30, "early_stopping": stopping}
    parent = train(world, create(world, **spec))
    assert (parent.stop_reason, parent.progress.epoch) == ("early_stopping", 4)
    run = begin_from(world, parent_of(world, parent), **spec)
    assert (run.stop_reason, run.progress.epoch) == ("early_stopping", 7)


def test_a_continued_training_may_be_judged_by_another_figure(world: World) -> None:
    parent = train(world, create(world, **{**SPEC, "epochs": 5}))
    stopping = {"monitor": "val_r2", "patience": 50}
    spec = {**SPEC, "epochs": 10, "early_stopping": stopping}
    run = begin_from(world, parent_of(world, parent), **spec)
    curve = world.runs.metrics(world.project_id, run.id, max_points=100)
    assert run.best is not None
    best = max(value for value in curve.series["val_r2"] if value is not None)
    assert (run.best.monitor, run.best.value) == ("val_r2", best)
    assert run.best.epoch == curve.epochs[curve.series["val_r2"].index(best)]


def test_an_optimiser_may_go_on_with_a_momentum_it_had_not(world: World) -> None:
    plain = {"type": "sgd", "learning_rate": 0.01}
    parent = train(world, create(world, **SPEC, optimizer=plain))
    run = begin_from(world, parent_of(world, parent), **{**SPEC, "epochs": 25}, optimizer=MOMENTUM)
    assert (run.status, run.progress.epoch) == ("succeeded", 25)


def test_a_continued_run_needs_its_parent_no_more_once_it_has_begun(world: World) -> None:
    whole = train(world, create(world, **SPEC))
    half = train(world, create(world, **{**SPEC, "epochs": 10}))
    run_id = create(world, **SPEC)
    leases = LeasesWithParent(world.sessions, parent_of(world, half))
    train(world, run_id, Looks(5, lambda: True), leases=leases)
    for row in states(world, run_id):
        if row.kind == "periodic":
            rot(world, row.state_sha256)
    run = train(world, run_id)
    assert (run.status, run.weights_sha256) == ("succeeded", whole.weights_sha256)


def test_a_warm_start_takes_weights_and_nothing_else(world: World) -> None:
    parent = train(world, create(world, **SPEC))
    run = begin_from(world, parent_of(world, parent, "warm_start"), **{**SPEC, "epochs": 1})
    assert (run.status, run.progress.step) == ("succeeded", STEPS)
    ours, theirs = weights(world, run, "initial"), weights(world, parent, "final")
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


def test_a_parent_of_another_network_fails_the_run_and_says_so(world: World) -> None:
    parent = train(world, create(world, **SPEC))
    wider = {"network": {"layers": [{"type": "dense", "units": 3}]}, "preprocessing": "none"}
    for mode in ("continue", "warm_start"):
        given = parent_of(world, parent, mode)
        run_id = world.create(**wider, training=SPEC).id
        run = train(world, run_id, leases=LeasesWithParent(world.sessions, given))
        assert (run.status, run.stop_reason) == ("failed", "error")
        assert run.error is not None
        assert run.error.code == "checkpoint_unreadable"


def test_each_checkpoint_that_rots_costs_time_and_no_bit(world: World) -> None:
    whole = train(world, create(world, **SPEC))
    run_id = drained(world, 5 * STEPS + 3, **SPEC, checkpoint_every=1).id
    saved = [row for row in states(world, run_id) if row.state_sha256 is not None]
    assert [row.step for row in saved][:2] == [5 * STEPS + 3, 5 * STEPS]
    for row in saved:
        rot(world, row.state_sha256)
    run = train(world, run_id)
    assert (run.status, run.weights_sha256) == ("succeeded", whole.weights_sha256)
    assert codes(world, run_id).count("checkpoint_corrupt") == len(saved)


def test_a_run_of_which_nothing_is_whole_fails_and_does_not_begin_anew(world: World) -> None:
    run_id = drained(world, 5 * STEPS, **SPEC).id
    for row in states(world, run_id):
        rot(world, row.state_sha256 or row.weights_sha256)
    run = train(world, run_id)
    assert (run.status, run.stop_reason, run.model_id) == ("failed", "error", None)
    assert run.error is not None
    assert run.error.code == "checkpoint_corrupt"
    assert run.progress.step == 5 * STEPS


def test_a_state_of_another_format_costs_time_and_no_bit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(world, create(world, **SPEC))
    with monkeypatch.context() as future:
        future.setitem(FORMAT, "state", 99)
        run_id = drained(world, 5 * STEPS, **SPEC).id
    run = train(world, run_id)
    assert (run.status, run.weights_sha256) == ("succeeded", whole.weights_sha256)
    assert codes(world, run_id).count("checkpoint_unreadable") == 1


def test_weights_that_the_seed_makes_otherwise_are_taken_as_they_were_saved(
    world: World,
) -> None:
    whole = train(world, create(world, **SPEC))
    other = train(world, create(world, **{**SPEC, "epochs": 3}))
    run_id = create(world, **SPEC)
    saved = NewCheckpoint(kind="initial", epoch=0, step=0, weights=parent_of(world, other).weights)
    part = ProgressPart(epoch=0, step=0, trained_seconds=0.0, checkpoint=saved)
    world.leases.release(run_id, world.claim(run_id).fence, part)
    run = train(world, run_id)
    assert run.status == "succeeded"
    assert run.weights_sha256 != whole.weights_sha256
    assert "initial_weights_differ" in codes(world, run_id)


def test_a_finished_run_keeps_its_state_beside_its_weights(world: World) -> None:
    run = train(world, create(world, **SPEC))
    state = parent_of(world, run).state
    assert state is not None
    assert states_from_bytes(state)[0].epoch == 20
    assert kinds(world, run.id) == ["final", "initial"]


def test_a_run_that_diverged_keeps_weights_and_no_state(world: World) -> None:
    sgd = {"type": "sgd", "learning_rate": 10.0}
    run = train(world, world.create(**LINEAR, training={**SPEC, "optimizer": sgd}).id)
    assert (run.stop_reason, parent_of(world, run).state) == ("diverged", None)
