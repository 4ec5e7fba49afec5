"""`make serve`: how it starts, what it restarts, and that nothing is left of it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import psutil
import pytest

from tests.servers.processes import free_port
from tests.servers.service import ROLES, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

# One pytest process, or each would start the module's service again.
pytestmark = pytest.mark.xdist_group("supervisor")

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"
# What one machine may give to a service that does nothing (issue 2).
IDLE_MIB = 400


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Service]:
    """A service of the test's own, to be ended; in a folder too deep for a socket's name."""
    it = Service(tmp_path / ("deep" * 25) / "var")
    yield it
    it.close()


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose children are killed one after the other."""
    it = Service(tmp_path_factory.mktemp("disturbed") / "var", {"SLOPE_WORKER_PROCESSES": "2"})
    yield it
    it.close()


def refused(**environ: str) -> str:
    """Return what a supervisor says that does not start."""
    settings = {name: value for name, value in os.environ.items() if "SLOPE_" not in name}
    result = subprocess.run(
        [sys.executable, "-m", "service.supervisor"],
        env={**settings, "SLOPE_PORT": str(free_port()), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=20.0,
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        said = refused(SLOPE_STATE_DIR=str(tmp_path / "var"), SLOPE_PORT=port)
    assert port in said
    assert "in use" in said


def test_an_unusable_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    assert str(tmp_path / "var") in refused(SLOPE_STATE_DIR=str(tmp_path / "var"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("SLOPE_PORT", "eighty"), ("SLOPE_LEASE_SECONDS", "-1"), ("SLOPE_PROT", "8000")],
)
def test_a_setting_that_cannot_be_used_is_one_clear_line(
    tmp_path: Path, name: str, value: str
) -> None:
    assert name in refused(SLOPE_STATE_DIR=str(tmp_path / "var"), **{name: value})


def test_a_folder_has_one_supervisor(service: Service) -> None:
    said = refused(SLOPE_STATE_DIR=str(service.state_dir))
    assert f"pid {service.pid('supervisor')}" in said
    assert service.is_ready()


def test_every_role_says_where_it_is(service: Service) -> None:
    running = {process.pid for process in service.processes()}
    assert {service.pid(role) for role in ROLES} <= running


def test_the_first_key_is_the_owners_alone_and_opens_the_service(service: Service) -> None:
    assert (service.state_dir / "api-key").stat().st_mode & 0o777 == 0o600
    assert service.client.get("/v1/runs").status_code == 200


def test_an_idle_service_stays_within_its_memory(disturbed: Service) -> None:
    kib = 0
    for process in disturbed.processes():
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        kib += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    assert kib < IDLE_MIB * 1024


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_within_five_seconds(
    fresh: Service, number: signal.Signals
) -> None:
    assert fresh.stop(number) < 5.0
    assert fresh.processes() == []
    assert list((fresh.state_dir / "run").glob("*.pid")) == []


def test_kill_9_of_the_supervisor_leaves_nothing_and_a_new_one_starts(fresh: Service) -> None:
    key = fresh.key
    began_s = time.monotonic()
    fresh.crash()
    assert time.monotonic() - began_s < 5.0
    fresh.start()
    assert fresh.key == key
    assert fresh.client.get("/v1/runs").status_code == 200


def test_kill_9_of_the_supervisor_ends_the_reading_of_an_upload(fresh: Service) -> None:
    table = b"a,b\n" + b"1,2\n" * 10_000_000

    def upload() -> None:
        with contextlib.suppress(httpx2.TransportError):
            fresh.client.post("/v1/datasets", files={"file": ("long.csv", table, "text/csv")})

    uploading = threading.Thread(target=upload)
    uploading.start()
    api = psutil.Process(fresh.pid("api"))
    [reader] = fresh.await_that(api.children, lambda children: len(children) == 1)
    assert "workers.tabular.ingest" in reader.cmdline()
    # Limits are what it sets once it ends with its parent; frozen before, it would never end.
    of_api = api.rlimit(psutil.RLIMIT_CPU)
    fresh.await_that(lambda: reader.rlimit(psutil.RLIMIT_CPU), lambda limit: limit != of_api)
    reader.suspend()
    fresh.crash()
    uploading.join()
    fresh.await_that(lambda: is_gone(reader), bool, timeout_s=2.0)


@pytest.mark.parametrize("role", ["api", "worker", "reconciler", "broker"])
def test_a_child_that_dies_is_started_again_with_a_logged_line(
    disturbed: Service, role: str
) -> None:
    old = disturbed.pid(role)
    disturbed.kill(role)
    disturbed.await_that(lambda: pid_or_none(disturbed, role), lambda pid: pid not in (None, old))
    disturbed.await_that(disturbed.is_ready, bool)
    assert f"{role} ended (SIGKILL); starting it again in 1 s" in disturbed.console


def test_a_run_that_is_made_while_the_broker_is_away_starts_once_it_is_back(
    disturbed: Service,
) -> None:
    file = {"file": ("penguins.csv", PENGUINS.read_bytes(), "text/csv")}
    dataset_id = disturbed.client.post("/v1/datasets", files=file).json()["id"]
    disturbed.kill("broker")
    answer = disturbed.client.post("/v1/runs", json={"dataset_id": dataset_id, "target": "species"})
    assert answer.status_code == 202
    run = disturbed.await_run(answer.json()["id"], "succeeded", "failed")
    assert run["status"] == "succeeded"


def test_a_gpu_that_is_not_there_is_told_and_holds_up_nothing_else(tmp_path: Path) -> None:
    hidden = {"SLOPE_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": "", "SLOPE_WORKER_PROCESSES": "1"}
    service = Service(tmp_path / "var", hidden)
    try:
        log = service.state_dir / "logs" / "worker-cuda.log"
        told = service.await_that(log.read_text, lambda text: "SLOPE_DEVICE=cuda: " in text)
        assert "Traceback" not in told
        file = {"file": ("penguins.csv", PENGUINS.read_bytes(), "text/csv")}
        dataset_id = service.client.post("/v1/datasets", files=file).json()["id"]
        wish = {"dataset_id": dataset_id, "target": "species", "training": {"epochs": 3}}
        refused = service.client.post("/v1/runs", json={**wish, "device": "cuda"})
        assert (refused.status_code, refused.json()["code"]) == (422, "device_unavailable")
        answer = service.client.post("/v1/runs", json=wish)
        run = service.await_run(answer.json()["id"], "succeeded", "failed")
        assert (run["status"], run["device"]) == ("succeeded", "cpu")
    finally:
        service.close()


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def pid_or_none(service: Service, role: str) -> int | None:
    try:
        return service.pid(role)
    except FileNotFoundError:
        return None
