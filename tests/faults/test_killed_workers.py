"""kill -9 in the middle of a run: it finishes, bit by bit as if nothing had happened."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.faults.conftest import LEASE_S
from tests.faults.service import EPOCHS

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed

# One tick of the reconciler to notice, and what a busy machine takes beside.
NOTICED_S = 4.0


def went_on_at(run: dict[str, Any]) -> datetime:
    """Return when the second attempt began."""
    claims = [move for move in run["status_history"] if move["status"] == "running"]
    return datetime.fromisoformat(claims[1]["at"])


def test_an_undisturbed_run_is_what_the_libraries_compute(undisturbed: Undisturbed) -> None:
    run, reference = undisturbed.run, undisturbed.reference
    assert (run["status"], run["attempt"]) == ("succeeded", 1)
    assert run["weights_sha256"] == reference.weights_sha256
    assert undisturbed.metrics["epochs"] == list(range(1, EPOCHS + 1))
    assert undisturbed.metrics["series"] == reference.curves


@pytest.mark.parametrize(("place", "last_saved"), [("5", 4), ("6-inside", 5)])
def test_a_run_survives_kill_9_of_its_process(
    service: FaultyService, undisturbed: Undisturbed, place: str, last_saved: int
) -> None:
    service.hold(place)
    run_id = service.start_run(undisturbed.dataset_id)
    worker = service.pid("worker")
    killed = service.await_held(place)
    killed_at = datetime.now(UTC)
    os.kill(killed, signal.SIGKILL)
    service.release(place)
    run = undisturbed.check(run_id, faults=1)
    assert run["attempt"] == 2
    assert service.pid("worker") == worker
    [start] = service.starts(run_id)
    assert start["epoch"] >= last_saved
    assert (went_on_at(run) - killed_at).total_seconds() < LEASE_S + NOTICED_S


def test_a_run_goes_on_with_another_worker_after_kill_9_of_its_own(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    child = psutil.Process(service.await_held("6-inside"))
    with service.second_worker():
        killed_at = datetime.now(UTC)
        service.kill("worker")
        service.release("6-inside")
        run = undisturbed.check(run_id, faults=1)
    assert run["attempt"] == 2
    [start] = service.starts(run_id)
    assert start["epoch"] == 5
    assert (went_on_at(run) - killed_at).total_seconds() < LEASE_S + NOTICED_S
    # Nobody is left to train beside the next one.
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_run_survives_kill_9_again_and_again_and_a_poisonous_one_ends(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.always_kill_at("1-inside@poisonous")
    poisonous = service.start_run(undisturbed.dataset_id, "poisonous")
    for epoch in range(1, EPOCHS):
        service.kill_at(f"{epoch}@unlucky")
    unlucky = service.start_run(undisturbed.dataset_id, "unlucky")
    run = undisturbed.check(unlucky, faults=EPOCHS - 1)
    assert run["attempt"] == EPOCHS
    end = service.await_run(poisonous, "succeeded", "failed")
    assert (end["status"], end["stop_reason"], end["attempt"]) == ("failed", "worker_crashed", 5)
    assert end["error"]["code"] == "worker_crashed"


def test_runs_survive_kill_9_of_everything_and_a_new_start(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("6-inside")
    running = [service.start_run(undisturbed.dataset_id) for _ in range(2)]
    queued = service.start_run(undisturbed.dataset_id)
    service.await_held("6-inside")
    service.crash()
    service.release("6-inside")
    service.start()
    for run_id in (*running, queued):
        undisturbed.check(run_id, faults=1)
    assert service.run(queued)["attempt"] == 1
