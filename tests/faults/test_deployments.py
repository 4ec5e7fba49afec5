"""SIGTERM, as a deployment sends it: runs are put away, and nothing counts as a crash."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed

# SLOPE_SHUTDOWN_SECONDS, and what Celery takes to stop an idle pool.
SHUTDOWN_S = 2.0 + 1.5


def test_sigterm_gives_a_run_back_with_a_checkpoint_and_counts_no_crash(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_held("6-inside")
    worker = psutil.Process(service.pid("worker"))
    asked_s = time.monotonic()
    worker.terminate()
    service.release("6-inside")
    service.await_that(worker.is_running, lambda is_running: not is_running)
    assert time.monotonic() - asked_s < SHUTDOWN_S
    run = undisturbed.check(run_id, faults=1)
    moves = [(move["status"], move["reason"]) for move in run["status_history"]]
    assert moves[2] == ("queued", "drained")
    events = service.events(run_id)
    assert "worker.lost" not in {event["type"] for event in events}
    # Its last checkpoint was made to give it back, and the next attempt began from there.
    [given_back] = [i for i, e in enumerate(events) if e["data"].get("reason") == "drained"]
    saved = [e["data"] for e in events[:given_back] if e["type"] == "checkpoint.saved"][-1]
    assert events[given_back - 1]["type"] == "checkpoint.saved"
    assert service.starts(run_id)[0]["step"] == saved["step"]


def test_a_worker_that_cannot_put_its_run_away_in_time_is_killed(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_held("6-inside")
    worker = service.pid("worker")
    log = service.state_dir / "logs" / "worker.log"
    n_shutdowns = log.read_text().count("Warm shutdown")
    os.kill(worker, signal.SIGTERM)
    service.await_that(log.read_text, lambda text: text.count("Warm shutdown") > n_shutdowns)
    os.kill(worker, signal.SIGTERM)
    os.kill(worker, signal.SIGKILL)
    service.release("6-inside")
    run = undisturbed.check(run_id, faults=1)
    assert run["attempt"] == 2
