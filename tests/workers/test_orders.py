"""Pause, stop and budgets: what a training does with the wishes of its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from service.store.tables import RunRow
from tests.workers.attempts import (
    LINEAR,
    LONG,
    Looks,
    create,
    kinds,
    request,
    train,
    wait_no_longer,
)
from workers.engine import training

if TYPE_CHECKING:
    from tests.service.usecases.world import World

STEPS = 48
"""Of an epoch."""

# A worker looks before it claims and before the first step, then after each.
LOOKS_BEFORE = 2

SPEC: dict[str, Any] = {"epochs": 200, "batch_size": 1, "early_stopping": None}


def told(world: World, run_id: str, wish: Any, at: int = 5) -> Looks:
    """Let the n-th look of a worker find that the wish has arrived, and the drain it brings."""
    return Looks(at, lambda: request(world, run_id, wish))


@pytest.fixture(autouse=True)
def _steps_are_seen_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHUNK_S", 0.0)


def test_a_paused_run_keeps_its_state_and_ends_as_if_it_had_not_been(world: World) -> None:
    undisturbed = train(world, create(world, **SPEC))
    run_id = create(world, **SPEC)
    run = train(world, run_id, told(world, run_id, "pause"))
    assert (run.status, run.requested, run.stop_reason) == ("paused", None, None)
    assert "periodic" in kinds(world, run_id)
    assert run.status_history[-1].reason == "user_pause"
    wait_no_longer(world, run_id)
    run = train(world, run_id)
    assert (run.status, run.attempt) == ("succeeded", 2)
    assert run.weights_sha256 == undisturbed.weights_sha256
    assert world.row(run_id).crashes_total == 0


def test_a_stopped_run_finishes_its_epoch_and_has_its_model(world: World) -> None:
    run_id = create(world, **LONG)
    run = train(world, run_id, told(world, run_id, "stop"))
    assert (run.status, run.stop_reason, run.error) == ("stopped", "user_stop", None)
    assert run.model_id is not None
    assert 0 < run.progress.epoch < 10_000
    shorter = {**LONG, "epochs": run.progress.epoch}
    assert train(world, create(world, **shorter)).weights_sha256 == run.weights_sha256


def test_a_run_that_is_stopped_in_its_first_epoch_finishes_that_one(world: World) -> None:
    run_id = create(world, **LONG)
    request(world, run_id, "stop")
    run = train(world, run_id)
    assert (run.status, run.progress.epoch) == ("stopped", 1)


def test_a_run_that_waits_to_be_stopped_trains_no_further_epoch(world: World) -> None:
    run_id = create(world, **SPEC)
    drained = train(world, run_id, Looks(LOOKS_BEFORE + 3 * STEPS, lambda: True))
    assert drained.progress.epoch == 3
    request(world, run_id, "stop")
    run = train(world, run_id)
    assert (run.status, run.stop_reason, run.progress.epoch) == ("stopped", "user_stop", 3)


@pytest.mark.parametrize("wish", ["stop", "pause", "cancel"])
def test_a_wish_that_comes_after_the_end_finds_it(world: World, wish: Any) -> None:
    run_id = create(world, epochs=2, batch_size=1, early_stopping=None)
    run = train(world, run_id, told(world, run_id, wish, at=LOOKS_BEFORE + 2 * STEPS - 1))
    expected = ("cancelled", "user_cancel") if wish == "cancel" else ("succeeded", "max_epochs")
    assert (run.status, run.stop_reason) == expected


def test_a_budget_that_earlier_attempts_have_spent_ends_a_run_at_once(world: World) -> None:
    run_id = world.create(**LINEAR, training=SPEC, budget={"seconds": 3600.0}).id
    drained = train(world, run_id, Looks(LOOKS_BEFORE + 3 * STEPS + 7, lambda: True))
    spent = update(RunRow).where(RunRow.id == run_id).values(trained_seconds=3600.0)
    with world.sessions.begin() as session:
        session.execute(spent)
    run = train(world, run_id)
    assert (run.status, run.stop_reason) == ("succeeded", "budget")
    assert run.progress.epoch == drained.progress.epoch
    assert run.model_id is not None


def test_a_budget_that_is_shorter_than_an_epoch_buys_one(world: World) -> None:
    run = train(world, world.create(**LINEAR, training=SPEC, budget={"seconds": 1e-6}).id)
    assert (run.status, run.stop_reason, run.progress.epoch) == ("succeeded", "budget", 1)
    assert run.model_id is not None
