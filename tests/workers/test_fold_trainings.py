"""The folds of a run: found after its training, kept through whatever ends an attempt."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.workers.attempts import LINEAR, Looks, request, states, train, wait_no_longer
from workers import fold_trainings
from workers.engine import stacked, training
from workers.engine.kernels.chunk import CHUNKED
from workers.engine.kernels.plain import PLAIN
from workers.fit import train_together
from workers.modelling.codec import folds_from_state
from workers.modelling.folds import Folds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.service.usecases.world import World
    from workers.engine.kernels.contract import Kernels
    from workers.fit import Fit
    from workers.modelling.folds import FoldTraining

EPOCHS = 2
BATCHES = 4
FOLDS = 3
SPEC: dict[str, Any] = {"epochs": EPOCHS, "batch_size": 12, "early_stopping": None}

# A worker looks before it claims and before the first step, then after each but the last; every
# fold has 32 rows and with them 3 steps an epoch.
MAIN = 2 + EPOCHS * BATCHES - 1
IN_SECOND_FOLD = MAIN + EPOCHS * 3 + 4
AMONG_ALL = MAIN + 4


@pytest.fixture(autouse=True)
def _steps_are_seen_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHUNK_S", 0.0)
    monkeypatch.setattr(stacked, "CHUNK_S", 0.0)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the folds of a large table are trained."""
    monkeypatch.setattr(fold_trainings, "_TOGETHER_BYTES", 0)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many folds were trained together, each time."""
    seen: list[int] = []

    def seeing(fits: Sequence[Fit], kernels: Kernels) -> Iterator[None]:
        seen.append(len(fits))
        yield from train_together(fits, kernels)

    monkeypatch.setattr(fold_trainings, "train_together", seeing)
    return seen


def create(world: World, *, folds: int | None = FOLDS, **others: Any) -> str:
    wish = {**LINEAR, "training": SPEC, "split": {"folds": folds}} | others
    return world.create(**wish).id


def report(world: World, run_id: str) -> Any:
    return world.row(run_id).report


def at(
    look: int, world: World, run_id: str, act: Callable[[], None], *, drains: bool = False
) -> Looks:
    """Do something there, and let the worker hear of it by two heartbeats."""

    def acted() -> bool:
        act()
        for _ in range(0 if drains else 2):
            lease_until = world.row(run_id).lease_until
            while world.row(run_id).lease_until == lease_until:
                time.sleep(0.02)
        return drains

    return Looks(look, acted)


def in_second_fold(world: World, run_id: str, act: Callable[[], None]) -> Looks:
    return at(IN_SECOND_FOLD, world, run_id, act)


def told(world: World, run_id: str, wish: Any) -> Looks:
    return in_second_fold(world, run_id, lambda: request(world, run_id, wish))


def behind(world: World, run_id: str) -> int:
    """How many folds the run's newest state knows."""
    newest = states(world, run_id)[0]
    with world.sessions.read() as session:
        return len(folds_from_state(world.blobs.get(session, newest.state_sha256 or "")))


def test_the_model_is_the_one_without_folds_and_the_report_has_them(world: World) -> None:
    alone, run = (train(world, create(world, folds=folds)) for folds in (None, FOLDS))
    assert (run.status, run.weights_sha256) == ("succeeded", alone.weights_sha256)
    found = report(world, run.id).pop("cross_validation")
    assert "cross_validation" not in report(world, alone.id)
    assert [fold["fold"] for fold in found["folds"]] == [1, 2, 3]
    assert [fold["epochs"] for fold in found["folds"]] == [EPOCHS] * FOLDS
    assert [fold["rows"]["held_out"] for fold in found["folds"]] == [20] * FOLDS
    rmse = [fold["figures"]["rmse"] for fold in found["folds"]]
    assert found["mean"]["rmse"] == pytest.approx(sum(rmse) / FOLDS)
    assert (min(rmse) > 0.0, len(set(rmse)), found["reason"]) == (True, FOLDS, None)
    messages = [event.message for event in world.story(run.id)]
    assert sum(message.startswith("Fold ") for message in messages) == FOLDS


WISHES: dict[str, dict[str, Any]] = {
    "linear": {},
    "members": {"training": {**SPEC, "members": 3}},
    "stopping": {
        "training": {**SPEC, "epochs": 30, "early_stopping": {"patience": 1, "min_delta": 0.5}}
    },
    "in order": {"training": {**SPEC, "shuffle": False}},
    "budget": {"budget": {"epochs": 1}},
    "deep": {"network": {"layers": [{"type": "dense", "units": 4}, {"type": "batch_norm"}]}},
}


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
@pytest.mark.parametrize("kernels", [PLAIN, CHUNKED], ids=lambda k: k.name)
def test_folds_side_by_side_are_those_trained_one_by_one(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    sizes: list[int],
    wish: dict[str, Any],
    kernels: Kernels,
) -> None:
    run = train(world, create(world, **wish), kernels=kernels)
    assert sizes == [FOLDS]
    sizes.clear()
    with monkeypatch.context() as patch:
        patch.setattr(fold_trainings, "_TOGETHER_BYTES", 0)
        other = train(world, create(world, **wish), kernels=kernels)
    assert sizes == [1] * FOLDS
    found, expected = (report(world, one.id)["cross_validation"] for one in (run, other))
    assert found == expected
    assert [fold["fold"] for fold in found["folds"]] == [1, 2, 3]


def test_folds_of_other_shapes_train_apart(world: World, sizes: list[int]) -> None:
    # Seven folds of 60 rows: four hold out nine, three hold out eight.
    run = train(world, create(world, folds=7))
    assert sorted(sizes) == [3, 4]
    found = report(world, run.id)["cross_validation"]["folds"]
    assert [fold["fold"] for fold in found] == [1, 2, 3, 4, 5, 6, 7]
    assert sorted(fold["rows"]["held_out"] for fold in found) == [8] * 3 + [9] * 4


def test_trainings_that_cannot_be_stacked_are_not(world: World, sizes: list[int]) -> None:
    spec = {"epochs": EPOCHS, "early_stopping": None, "optimizer": {"type": "lbfgs"}}
    run = train(world, create(world, training=spec))
    assert (run.status, sizes) == ("succeeded", [1] * FOLDS)
    assert report(world, run.id)["cross_validation"]["reason"] is None


@pytest.mark.parametrize("how", ["drain", "pause"])
def test_folds_at_work_together_are_repeated_together(world: World, how: str) -> None:
    whole = report(world, train(world, create(world)).id)["cross_validation"]
    run_id = create(world)
    act = (lambda: None) if how == "drain" else (lambda: request(world, run_id, "pause"))
    run = train(world, run_id, at(AMONG_ALL, world, run_id, act, drains=how == "drain"))
    assert run.status == ("queued" if how == "drain" else "paused")
    assert behind(world, run_id) == 0
    assert (run.progress.folds_done, run.progress.fraction) == (0, 1 / (1 + FOLDS))
    wait_no_longer(world, run_id)
    run = train(world, run_id)
    assert (run.status, run.attempt, run.progress.fraction) == ("succeeded", 2, 1.0)
    assert report(world, run_id)["cross_validation"] == whole


def test_a_fold_that_diverges_leaves_the_others_their_figures(
    world: World, monkeypatch: pytest.MonkeyPatch, sizes: list[int]
) -> None:
    whole = report(world, train(world, create(world)).id)["cross_validation"]
    prepare = Folds.training

    def spoiled(self: Folds, fold: int) -> FoldTraining:
        it = prepare(self, fold)
        if fold == 2:
            it.prepared.data.X[5] = np.inf
        return it

    monkeypatch.setattr(Folds, "training", spoiled)
    run = train(world, create(world))
    found = report(world, run.id)["cross_validation"]
    first, second, third = found["folds"]
    assert second == {"fold": 2, "reason": "Training diverged in epoch 1."}
    assert [first, third] == [whole["folds"][0], whole["folds"][2]]
    assert (run.status, found["reason"], sizes) == ("succeeded", None, [FOLDS] * 2)


def test_folds_without_memory_for_all_are_trained_one_by_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = report(world, train(world, create(world)).id)["cross_validation"]

    def lacking(fits: Sequence[Fit], kernels: Kernels) -> Iterator[None]:
        if len(fits) > 1:
            raise MemoryError
        yield from train_together(fits, kernels)

    monkeypatch.setattr(fold_trainings, "train_together", lacking)
    assert report(world, train(world, create(world)).id)["cross_validation"] == whole


def test_a_fold_without_memory_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object) -> Iterator[None]:
        raise MemoryError

    monkeypatch.setattr(fold_trainings, "train_together", lacking)
    run = train(world, create(world))
    found = report(world, run.id)["cross_validation"]
    assert run.status == "succeeded"
    assert [fold["reason"] for fold in found["folds"]] == ["There was no memory for it."] * FOLDS


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("how", ["drain", "pause"])
def test_folds_go_on_where_they_were_with_the_same_bits(world: World, how: str) -> None:
    whole = report(world, train(world, create(world)).id)["cross_validation"]
    run_id = create(world)
    drain: Callable[[], bool] = Looks(IN_SECOND_FOLD, lambda: True)
    looks = drain if how == "drain" else told(world, run_id, "pause")
    run = train(world, run_id, looks)
    assert run.status == ("queued" if how == "drain" else "paused")
    assert behind(world, run_id) == 1
    done = run.progress
    assert (done.folds, done.folds_done, done.fraction) == (FOLDS, 1, 2 / (1 + FOLDS))
    wait_no_longer(world, run_id)
    run = train(world, run_id)
    assert (run.status, run.attempt) == ("succeeded", 2)
    assert (run.progress.folds_done, run.progress.fraction) == (FOLDS, 1.0)
    assert report(world, run_id)["cross_validation"] == whole
    # The fold that had been found was not trained again, nor was the run itself.
    messages = [event.message for event in world.story(run_id)]
    assert sum(message.startswith("Fold 1 of 3") for message in messages) == 1
    assert run.progress.step == EPOCHS * BATCHES


@pytest.mark.usefixtures("one_by_one")
def test_a_cancelled_run_trains_no_further_fold(world: World) -> None:
    run_id = create(world)
    run = train(world, run_id, told(world, run_id, "cancel"))
    assert (run.status, run.model_id) == ("cancelled", None)
    assert behind(world, run_id) == 1


@pytest.mark.usefixtures("one_by_one")
def test_a_run_whose_deadline_passes_among_its_folds_fails(world: World) -> None:
    run_id = create(world)
    looks = in_second_fold(world, run_id, lambda: world.shift(run_id, deadline_at=-1.0))
    run = train(world, run_id, looks)
    assert (run.status, run.stop_reason) == ("failed", "deadline_exceeded")
    assert behind(world, run_id) == 1


@pytest.mark.usefixtures("one_by_one")
def test_a_run_that_is_stopped_among_its_folds_has_its_model_and_those_it_has(
    world: World,
) -> None:
    run_id = create(world)
    run = train(world, run_id, told(world, run_id, "stop"))
    assert (run.status, run.stop_reason) == ("succeeded", "max_epochs")
    assert run.model_id is not None
    found = report(world, run_id)["cross_validation"]
    assert len(found["folds"]) == 1
    assert found["reason"] == "The run was stopped before the folds that are missing."


def test_folds_have_no_more_epochs_than_a_budget_gave_the_run(world: World) -> None:
    run = train(world, create(world, budget={"epochs": 1}))
    assert (run.status, run.stop_reason, run.progress.epoch) == ("succeeded", "budget", 1)
    found = report(world, run.id)["cross_validation"]
    assert [fold["epochs"] for fold in found["folds"]] == [1] * FOLDS


def test_a_run_that_diverges_has_no_folds(world: World) -> None:
    wild = {**SPEC, "optimizer": {"type": "sgd", "learning_rate": 10.0}, "epochs": 400}
    run = train(world, create(world, training=wild))
    assert (run.status, run.stop_reason) == ("failed", "diverged")
    assert not any(event.message.startswith("Fold ") for event in world.story(run.id))
