"""Workers that are there and say nothing, reconcilers that do nothing, clocks that are wrong."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed

HOUR_S = 3600.0


def await_lost(service: FaultyService, run_id: str) -> None:
    """Wait until a holder of the run has noticed that it is another's."""
    log = service.state_dir / "logs" / "worker.log"
    service.await_that(log.read_text, lambda text: f"{run_id}: lost to another attempt" in text)


def has_lost_a_worker(run: dict[str, Any]) -> bool:
    """Tell whether the run was taken from one of its attempts."""
    return "worker_lost" in [move["reason"] for move in run["status_history"]]


def test_a_process_that_was_frozen_past_its_lease_writes_nothing_more(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    frozen = service.await_held("6-inside")
    os.kill(frozen, signal.SIGSTOP)
    try:
        service.release("6-inside")
        run = undisturbed.check(run_id, faults=1)
        events = service.events(run_id)
    finally:
        os.kill(frozen, signal.SIGCONT)
    await_lost(service, run_id)
    assert run["attempt"] == 2
    assert service.run(run_id) == run
    assert service.events(run_id) == events


def test_a_training_whose_heartbeat_died_lets_go_of_its_run(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id, "heartless")
    service.await_held("6-inside")
    service.deafen("heartless")
    # The other process of the pool may have claimed the run before anybody saw it waiting.
    service.await_that(lambda: service.run(run_id), has_lost_a_worker)
    service.release("6-inside")
    await_lost(service, run_id)
    assert undisturbed.check(run_id, faults=1)["attempt"] == 2


def test_a_run_comes_back_while_no_reconciler_is_there(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    reconciler = service.kill_and_await("reconciler")
    os.kill(reconciler, signal.SIGSTOP)
    try:
        service.hold("6-inside")
        run_id = service.start_run(undisturbed.dataset_id)
        os.kill(service.await_held("6-inside"), signal.SIGKILL)
        service.release("6-inside")
        run = undisturbed.check(run_id, faults=1)
    finally:
        os.kill(reconciler, signal.SIGCONT)
    assert run["attempt"] == 2


def test_clocks_that_jump_by_an_hour_move_no_lease(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("3-inside")
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    for place, seconds in (("3-inside", HOUR_S), ("6-inside", -HOUR_S)):
        service.await_held(place)
        service.jump_clock(seconds)
        service.release(place)
    assert undisturbed.check(run_id, faults=0)["attempt"] == 1
    # Bells are heard, and leases kept, by workers whose clocks are wrong from the start.
    for seconds in (HOUR_S, -HOUR_S):
        service.jump_clock(seconds)
        run_id = service.start_run(undisturbed.dataset_id)
        assert undisturbed.check(run_id, faults=0)["attempt"] == 1
