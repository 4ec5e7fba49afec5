"""Trainings that are cancelled, interrupted, starved of memory, or rung for too often."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from service.store.broker import Broker
from tests.faults.service import FaultyService

if TYPE_CHECKING:
    from collections.abc import Iterator

# One pytest process, or each would start the module's service again.
pytestmark = pytest.mark.xdist_group("disturbed-runs")

SETTINGS = {
    "SLOPE_LEASE_SECONDS": "15",
    "SLOPE_WORKER_PROCESSES": "2",
    # A run may take twice its estimate's limit; without a limit the machine itself would be tried.
    "SLOPE_LIMIT_RUN_MEMORY_BYTES": str(256 * 2**20),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyService]:
    it = FaultyService(tmp_path_factory.mktemp("disturbed") / "var", SETTINGS)
    yield it
    it.close()


@pytest.fixture(scope="module")
def dataset_id(service: FaultyService) -> str:
    return service.upload()


def test_a_cancelled_run_ends_within_five_seconds(service: FaultyService, dataset_id: str) -> None:
    service.hold("3-inside")
    run_id = service.start_run(dataset_id, training={"epochs": 2000, "batch_size": 1})
    service.await_held("3-inside")
    service.client.post(f"/v1/runs/{run_id}/cancel").raise_for_status()
    asked_s = time.monotonic()
    service.release("3-inside")
    run = service.await_run(run_id, "cancelled", "succeeded", "failed")
    assert time.monotonic() - asked_s < 6.0
    assert (run["status"], run["stop_reason"]) == ("cancelled", "user_cancel")
    checkpoints = service.client.get(f"/v1/runs/{run_id}/checkpoints").json()["data"]
    assert "periodic" in {checkpoint["kind"] for checkpoint in checkpoints}


def test_ctrl_c_puts_runs_away_and_a_new_start_goes_on(
    service: FaultyService, dataset_id: str
) -> None:
    undisturbed = service.await_run(service.start_run(dataset_id), "succeeded", "failed")
    service.hold("6-inside")
    run_id = service.start_run(dataset_id)
    service.await_held("6-inside")
    service.release("6-inside")
    assert service.stop() < 5.0
    assert service.processes() == []
    service.start()
    run = service.await_run(run_id, "succeeded", "failed")
    assert ("queued", "drained") in [(m["status"], m["reason"]) for m in run["status_history"]]
    assert run["weights_sha256"] == undisturbed["weights_sha256"]


def test_a_run_that_takes_too_much_memory_fails_alone(
    service: FaultyService, dataset_id: str
) -> None:
    service.hold("3-inside")
    greedy = service.start_run(dataset_id)
    pid = service.await_held("3-inside")
    neighbour = service.start_run(dataset_id)
    service.await_run(neighbour, "running")
    service.exhaust_memory(pid)
    run = service.await_run(greedy, "succeeded", "failed")
    assert (run["status"], run["stop_reason"]) == ("failed", "out_of_memory")
    assert run["error"]["code"] == "out_of_memory"
    assert pid in service.pool()
    service.release("3-inside")
    assert service.await_run(neighbour, "succeeded", "failed")["status"] == "succeeded"


def test_bells_that_are_repeated_or_forged_do_no_harm(
    service: FaultyService, dataset_id: str
) -> None:
    broker = Broker(f"redis+socket://{service.state_dir}/run/broker.sock")
    service.hold("3-inside")
    run_id = service.start_run(dataset_id)
    service.await_held("3-inside")
    for _ in range(30):
        broker.ring(run_id)
    for forged in ("run_00000000000000000000000000", "../../etc/passwd", "", "x" * 10_000):
        broker.ring(forged)
    service.release("3-inside")
    run = service.await_run(run_id, "succeeded", "failed")
    assert (run["status"], run["attempt"]) == ("succeeded", 1)
    after = service.await_run(service.start_run(dataset_id), "succeeded", "failed")
    assert after["weights_sha256"] == run["weights_sha256"]
