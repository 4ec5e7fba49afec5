"""Trainings that are interrupted by Ctrl-C, or starved of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed


def test_ctrl_c_puts_runs_away_and_a_new_start_goes_on(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_held("6-inside")
    service.release("6-inside")
    assert service.stop() < 5.0
    assert service.processes() == []
    service.start()
    run = undisturbed.check(run_id, faults=1)
    assert ("queued", "drained") in [(m["status"], m["reason"]) for m in run["status_history"]]


def test_a_run_that_takes_too_much_memory_fails_alone(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("3-inside@greedy")
    greedy = service.start_run(undisturbed.dataset_id, "greedy")
    pid = service.await_held("3-inside@greedy")
    neighbour = service.start_run(undisturbed.dataset_id)
    service.await_run(neighbour, "running")
    service.exhaust_memory(pid)
    run = service.await_run(greedy, "succeeded", "failed")
    assert (run["status"], run["stop_reason"]) == ("failed", "out_of_memory")
    assert run["error"]["code"] == "out_of_memory"
    assert pid in service.pool()
    assert undisturbed.check(neighbour, faults=0)["attempt"] == 1
