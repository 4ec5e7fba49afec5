"""When a training is saved, what is kept of it, and that it goes on from there with its bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import pytest
import safetensors.numpy

from service.clock import SystemClock
from service.store.blobs import Blobs
from service.usecases.leases import Leases
from tests.workers.attempts import Looks, create, states, train, wait_no_longer
from workers import stall
from workers.attempt import Attempt
from workers.engine import training
from workers.engine.kernels.plain import PLAIN
from workers.heartbeat import EXIT_STALLED
from workers.modelling.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from service.usecases.claims import Orders
    from tests.service.usecases.world import World
    from workers.heartbeat import Heartbeat

T = TypeVar("T")

SPEC: dict[str, Any] = {"epochs": 3, "batch_size": 1, "early_stopping": None}
STEPS = 48
STEP_S = 4.0


class SlowClock:
    """Time of which four seconds pass with every step."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        raise NotImplementedError

    def monotonic_s(self) -> float:
        return self.seconds

    def pass_step(self) -> bool:
        self.seconds += STEP_S
        return False


class Unattended:
    """A heartbeat of a run that nobody wants anything of, on a database that is always there."""

    def orders(self) -> Orders | None:
        return None

    def heed(self, requested: Any) -> None:
        assert requested is None

    def insist(self, call: Callable[[], T]) -> T:
        return call()


class KilledError(Exception):
    """Ends a training as a kill would: nothing is written any more."""


@pytest.fixture(autouse=True)
def _steps_are_seen_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHUNK_S", 0.0)


def attempt(world: World, run_id: str, clock: SlowClock, at_look: Callable[[], bool]) -> None:
    Attempt(
        leases=Leases(world.sessions, Blobs(), lease_s=15.0),
        claim=world.claim(run_id),
        heartbeat=cast("Heartbeat", Unattended()),
        is_draining=at_look,
        checkpoint_s=15.0,
        clock=clock,
        scratch=Scratch(),
        kernels=PLAIN,
    ).run()


def saved_steps(world: World, run_id: str) -> list[int]:
    saved = [event for event in world.story(run_id) if event.type == "checkpoint.saved"]
    return [event.data["step"] for event in saved if event.data["kind"] == "periodic"]


def test_an_epoch_of_minutes_is_saved_every_fifteen_seconds_and_resumed_within(
    world: World,
) -> None:
    whole = train(world, create(world, **SPEC))
    run_id = create(world, **SPEC)
    clock = SlowClock()
    killed_s = STEP_S * (STEPS + 21)

    def look() -> bool:
        if clock.seconds >= killed_s:
            raise KilledError
        return clock.pass_step()

    with pytest.raises(KilledError):
        attempt(world, run_id, clock, look)
    steps = saved_steps(world, run_id)
    # Four steps to a checkpoint: the first that ends when fifteen seconds have passed.
    assert np.diff(steps) == pytest.approx(4)
    assert any(step % STEPS for step in steps)
    world.expire(run_id)
    world.reconciler.reconcile()
    wait_no_longer(world, run_id)
    again = SlowClock()
    attempt(world, run_id, again, again.pass_step)
    run = world.get(run_id)
    assert (run.status, run.weights_sha256) == ("succeeded", whole.weights_sha256)
    [resumed] = [e for e in world.story(run_id) if e.data.get("code") == "going_on"]
    assert resumed.data == {"code": "going_on", "epoch": 1, "step": steps[-1]}
    assert world.runs.metrics(world.project_id, run_id) == world.runs.metrics(
        world.project_id, whole.id
    )


def test_checkpoints_that_were_asked_for_are_saved_beside_those_of_the_clock(
    world: World,
) -> None:
    run = train(world, create(world, **{**SPEC, "epochs": 11, "checkpoint_every": 3}))
    steps = saved_steps(world, run.id)
    assert {3 * STEPS, 6 * STEPS, 9 * STEPS} <= set(steps)
    assert not {STEPS, 2 * STEPS, 4 * STEPS, 5 * STEPS} & set(steps)


@pytest.mark.parametrize(
    ("learning_rate", "best_epoch", "kept"),
    [
        (0.01, 9, [("final", 9), ("periodic", 8), ("initial", 0)]),
        # Too high: it gets worse and worse.
        (0.07, 1, [("final", 9), ("periodic", 8), ("periodic", 1), ("initial", 0)]),
    ],
)
def test_epoch_0_the_best_the_last_and_the_one_before_are_kept(
    world: World, learning_rate: float, best_epoch: int, kept: list[tuple[str, int]]
) -> None:
    optimizer = {"type": "sgd", "learning_rate": learning_rate}
    spec = {**SPEC, "epochs": 9, "checkpoint_every": 1, "optimizer": optimizer}
    run = train(world, create(world, **spec))
    assert run.best is not None
    assert run.best.epoch == best_epoch
    assert [(row.kind, row.epoch) for row in states(world, run.id)] == kept
    [best] = [row for row in states(world, run.id) if row.is_best]
    assert (best.epoch, best.id) == (best_epoch, run.best.checkpoint_id)


@pytest.mark.parametrize("looks", [None, 2 + 5 * STEPS + 3])
@pytest.mark.parametrize("stopping", [None, {"patience": 100, "restore_best": False}])
def test_the_weights_of_the_best_epoch_are_kept_although_no_checkpoint_was_due(
    world: World, looks: int | None, stopping: Any
) -> None:
    too_fast = {"type": "sgd", "learning_rate": 0.07}
    spec = {**SPEC, "epochs": 9, "optimizer": too_fast, "early_stopping": stopping}
    run_id = create(world, **spec)
    if looks is not None:
        train(world, run_id, Looks(looks, lambda: True))
    run = train(world, run_id)
    assert run.best is not None
    kept = [(row.kind, row.epoch) for row in states(world, run.id) if row.kind != "periodic"]
    assert kept == [("final", 9), ("best", 1), ("initial", 0)]
    [best] = [row for row in states(world, run.id) if row.is_best]
    assert (best.kind, best.id, run.best.epoch) == ("best", run.best.checkpoint_id, 1)
    shorter = train(world, create(world, **{**spec, "epochs": 1}))
    [final] = [row for row in states(world, shorter.id) if row.kind == "final"]
    assert best.weights_sha256 == final.weights_sha256


def test_weights_of_any_checkpoint_are_those_that_its_model_would_have_had(world: World) -> None:
    saved: list[tuple[int, bytes]] = []
    run_id = create(world, **{**SPEC, "epochs": 6, "checkpoint_every": 2})
    train(world, run_id, Looks(2 + 5 * STEPS, lambda: True))
    for row in states(world, run_id):
        if row.kind == "periodic" and row.step % STEPS == 0:
            saved.append((row.epoch, world.runs.checkpoint_weights(world.project_id, row.id)))
    assert [epoch for epoch, _ in saved] == [5, 4]
    for epoch, data in saved:
        shorter = train(world, create(world, **{**SPEC, "epochs": epoch}))
        [final] = [row for row in states(world, shorter.id) if row.kind == "final"]
        assert data == world.runs.checkpoint_weights(world.project_id, final.id)
        assert set(safetensors.numpy.load(data)) == {"layers.0.weight", "layers.0.bias"}


def test_a_training_that_hangs_is_ended_and_goes_on_elsewhere(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stall, "PATIENCE_S", 0.5)
    whole = train(world, create(world, **{**SPEC, "checkpoint_every": 1}))
    run_id = create(world, **{**SPEC, "checkpoint_every": 1})
    codes = list[int]()

    def hang() -> bool:
        clock, end_s = SystemClock(), SystemClock().monotonic_s() + 10.0
        while not codes and clock.monotonic_s() < end_s:
            pass
        raise SystemExit(codes[0])

    with pytest.raises(SystemExit):
        train(world, run_id, Looks(2 + 2 * STEPS + 5, hang), exit_process=codes.append)
    assert codes == [EXIT_STALLED]
    assert world.get(run_id).status == "running"
    world.expire(run_id)
    world.reconciler.reconcile()
    assert world.row(run_id).crashes_total == 1
    wait_no_longer(world, run_id)
    run = train(world, run_id)
    assert (run.status, run.weights_sha256) == ("succeeded", whole.weights_sha256)
    [event] = [e for e in world.story(run_id) if e.data.get("code") == "stalled"]
    assert (event.type, event.level) == ("log", "error")
