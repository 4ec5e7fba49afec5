"""Owners disturb their runs, too: paused, stopped, continued and repeated ones keep their bits."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from service.schemas.runs import TERMINAL
from service.store.tables import EpochRow
from tests.faults.service import EPOCHS, wish_for

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed

HALF = EPOCHS // 2


def say(service: FaultyService, run_id: str, verb: str, **body: Any) -> dict[str, Any]:
    """Say something to a run; return the run of the answer."""
    answer = service.client.post(f"/v1/runs/{run_id}/{verb}", json=body).raise_for_status()
    run: dict[str, Any] = answer.json()
    return run


def put_aside(service: FaultyService, undisturbed: Undisturbed) -> str:
    """Pause a run in the middle of its third epoch; return it when it is."""
    service.hold("3-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_held("3-inside")
    assert say(service, run_id, "pause")["requested"] == "pause"
    service.release("3-inside")
    paused = service.await_run(run_id, "paused", *TERMINAL)
    assert (paused["status"], paused["requested"]) == ("paused", None)
    return run_id


def half_a_training(service: FaultyService, dataset_id: str) -> dict[str, Any]:
    training = wish_for(dataset_id)["training"] | {"epochs": HALF}
    run_id = service.start_run(dataset_id, training=training)
    return service.await_run(run_id, *TERMINAL)


def checkpoints(service: FaultyService, run_id: str) -> list[dict[str, Any]]:
    listed = service.client.get(f"/v1/runs/{run_id}/checkpoints").raise_for_status()
    found: list[dict[str, Any]] = listed.json()["data"]
    return sorted(found, key=lambda checkpoint: int(checkpoint["step"]))


def go_on(service: FaultyService, checkpoint_id: str, **wishes: Any) -> str:
    wish = {"parent": {"checkpoint_id": checkpoint_id, "mode": "continue"}, **wishes}
    return str(service.client.post("/v1/runs", json=wish).raise_for_status().json()["id"])


def replayed(service: FaultyService, run_id: str, **body: Any) -> dict[str, Any]:
    again = say(service, run_id, "replay", **body)
    assert (again["replay_of"], again["replay"]["identical"]) == (run_id, None)
    ended = service.await_run(again["id"], *TERMINAL)
    assert ended["model_id"] is None
    return ended


def test_a_run_that_was_paused_and_resumed_has_the_bits_of_one_that_was_not(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    run_id = put_aside(service, undisturbed)
    # The worker is free for others meanwhile.
    other = service.start_run(undisturbed.dataset_id)
    undisturbed.check(other, faults=0)
    say(service, run_id, "resume")
    run = undisturbed.check(run_id, faults=1)
    assert run["attempt"] == 2
    moves = [(move["status"], move["reason"]) for move in run["status_history"]]
    assert moves[2:4] == [("paused", "user_pause"), ("queued", "user_resume")]
    assert service.metrics(run_id) == undisturbed.metrics


@pytest.mark.parametrize("when", ["running", "paused"])
def test_a_run_that_is_stopped_keeps_the_model_of_its_whole_epochs(
    service: FaultyService, undisturbed: Undisturbed, when: str
) -> None:
    if when == "running":
        service.hold("3-inside")
        run_id = service.start_run(undisturbed.dataset_id)
        service.await_held("3-inside")
        assert say(service, run_id, "stop")["requested"] == "stop"
        service.release("3-inside")
    else:
        run_id = put_aside(service, undisturbed)
        assert say(service, run_id, "stop")["status"] == "queued"
    run = service.await_run(run_id, *TERMINAL)
    assert (run["status"], run["stop_reason"]) == ("stopped", "user_stop")
    n_epochs = run["progress"]["epoch"]
    assert 3 <= n_epochs < EPOCHS
    steps = undisturbed.run["progress"]["step"] // EPOCHS
    assert run["progress"]["step"] == n_epochs * steps
    ours, theirs = service.metrics(run_id), undisturbed.metrics
    assert ours["series"]["val_loss"] == theirs["series"]["val_loss"][:n_epochs]
    row = {"a": 0.1, "b": -0.2, "c": 0.3, "d": 1.0}
    answer = service.client.post(f"/v1/models/{run['model_id']}/predict", json={"rows": [row]})
    assert answer.status_code == 200


def test_a_training_that_is_continued_is_the_one_that_was_never_ended(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    half = half_a_training(service, undisturbed.dataset_id)
    assert half["progress"]["epoch"] == HALF
    *_, last = checkpoints(service, half["id"])
    service.hold("8-inside")
    run_id = go_on(service, last["id"], training={"epochs": EPOCHS})
    service.client.delete(f"/v1/runs/{half['id']}").raise_for_status()
    os.kill(service.await_held("8-inside"), signal.SIGKILL)
    service.release("8-inside")
    run = service.await_run(run_id, *TERMINAL)
    assert run["weights_sha256"] == undisturbed.run["weights_sha256"]
    assert run["progress"]["step"] == undisturbed.run["progress"]["step"]
    assert service.metrics(run_id) == undisturbed.metrics
    assert run["parent"]["run_id"] == half["id"]
    provenance = service.client.get(f"/v1/runs/{run_id}/provenance").raise_for_status().json()
    assert provenance["parents"] == [run["parent"]]
    assert [attempt["ended_by"] for attempt in provenance["attempts"]] == [
        "worker_lost",
        "max_epochs",
    ]


def test_what_is_repeated_comes_out_the_same_from_the_start_and_from_a_checkpoint(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    original = undisturbed.run["id"]
    inside = [c for c in checkpoints(service, original) if 0 < c["epoch"] < EPOCHS]
    for start in ("start", inside[-1]["id"]):
        again = replayed(service, original, **{"from": start})
        assert again["replay"]["identical"] is True, again["replay"]
        assert again["replay"]["first_difference"] is None
        assert again["weights_sha256"] == undisturbed.run["weights_sha256"]
    provenance = service.client.get(f"/v1/runs/{original}/provenance").raise_for_status().json()
    assert [replay["identical"] for replay in provenance["replays"]] == [True, True]


def test_a_repetition_names_the_first_thing_that_was_recorded_otherwise(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    half = half_a_training(service, undisturbed.dataset_id)
    recorded = service.metrics(half["id"])["series"]["val_loss"][2]
    mine = (EpochRow.run_id == half["id"], EpochRow.epoch == 3)
    with service.sessions.begin() as session:
        values = json.loads(session.scalars(select(EpochRow.metrics).where(*mine)).one())
        tampered = json.dumps(values | {"val_loss": recorded + 1e-7})
        session.execute(update(EpochRow).where(*mine).values(metrics=tampered))
    replay = replayed(service, half["id"])["replay"]
    assert replay["identical"] is False
    steps = half["progress"]["step"] // HALF
    assert replay["first_difference"] == {
        "epoch": 3,
        "step": 3 * steps,
        "last_equal_step": 2 * steps,
        "name": "val_loss",
        "recorded": recorded + 1e-7,
        "replayed": recorded,
    }
