"""Cancelling, at every moment of a run's life: it ends once, one way or the other, and soon."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from service.schemas.runs import TERMINAL

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed

# A heartbeat at the longest, and a step.
HEEDED_S = 6.0
N_RACES = 6


def cancel(service: FaultyService, run_id: str) -> int:
    """Ask for the end of a run; return the status of the answer."""
    return int(service.client.post(f"/v1/runs/{run_id}/cancel").status_code)


def await_end(service: FaultyService, run_id: str) -> dict[str, Any]:
    """Await the end of a run; check that there is one, and nothing after it."""
    run = service.await_run(run_id, *TERMINAL)
    ends = [move["status"] for move in run["status_history"] if move["status"] in TERMINAL]
    assert ends == [run["status"]]
    events = service.events(run_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["data"]["to"] == run["status"]
    return run


def test_a_run_that_waits_is_cancelled_at_once(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("3-inside")
    running = [service.start_run(undisturbed.dataset_id) for _ in range(2)]
    for run_id in running:
        service.await_run(run_id, "running")
    waiting = service.start_run(undisturbed.dataset_id)
    assert cancel(service, waiting) == 200
    assert service.run(waiting)["stop_reason"] == "user_cancel"
    service.release("3-inside")
    assert await_end(service, waiting)["attempt"] == 0
    for run_id in running:
        undisturbed.check(run_id, faults=0)


def test_a_run_is_cancelled_within_a_heartbeat_and_a_step(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("3-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_held("3-inside")
    assert cancel(service, run_id) == 200
    asked_s = time.monotonic()
    service.release("3-inside")
    run = await_end(service, run_id)
    assert time.monotonic() - asked_s < HEEDED_S
    assert (run["status"], run["stop_reason"]) == ("cancelled", "user_cancel")
    checkpoints = service.client.get(f"/v1/runs/{run_id}/checkpoints").json()["data"]
    assert "periodic" in {checkpoint["kind"] for checkpoint in checkpoints}


def test_a_run_whose_worker_died_is_cancelled_all_the_same(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("3-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    os.kill(service.await_held("3-inside"), signal.SIGKILL)
    assert cancel(service, run_id) == 200
    asked_s = time.monotonic()
    service.release("3-inside")
    run = await_end(service, run_id)
    assert time.monotonic() - asked_s < HEEDED_S
    assert (run["status"], run["stop_reason"]) == ("cancelled", "user_cancel")
    assert run["attempt"] == 1


def test_cancelling_before_the_end_is_written_wins_and_after_it_loses(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("finishing")
    before = service.start_run(undisturbed.dataset_id)
    service.await_held("finishing")
    assert cancel(service, before) == 200
    service.release("finishing")
    assert await_end(service, before)["status"] == "cancelled"
    service.hold("after_finish")
    after = service.start_run(undisturbed.dataset_id)
    service.await_held("after_finish")
    assert cancel(service, after) == 409
    service.release("after_finish")
    undisturbed.check(after, faults=0)


def test_cancelling_that_races_with_the_end_comes_to_one_of_both(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    for _ in range(N_RACES):
        service.hold("finishing")
        run_id = service.start_run(undisturbed.dataset_id, training={"epochs": 1})
        service.await_held("finishing")
        answers: list[int] = []
        rival = threading.Thread(target=lambda: answers.append(cancel(service, run_id)))  # noqa: B023
        rival.start()
        service.release("finishing")
        rival.join(30.0)
        run = await_end(service, run_id)
        assert (answers, run["status"]) in (([200], "cancelled"), ([409], "succeeded"))
        models = service.client.get("/v1/models", params={"limit": 500}).json()["data"]
        made = [model for model in models if model["run_id"] == run_id]
        assert len(made) == (run["status"] == "succeeded")
