"""The API in the test's process, on a database of its own, with keys and a trained model."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from service.app import compose, create_app
from service.clock import SystemClock
from service.settings import Limits, load_settings
from service.store.blobs import Blobs
from service.store.db import Sessions, make_engine
from service.usecases.leases import Leases
from service.usecases.projects import Projects
from workers.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


GENEROUS = {
    "requests_per_second": 10_000,
    "request_burst": 10_000,
    "failed_auth_per_minute": 10_000,
}


@dataclass(frozen=True)
class Api:
    """An application with its keys: one's own, one that only reads, another project's."""

    app: ASGIApp
    sessions: Sessions
    key: str
    key_id: str
    reading_key: str
    foreign_key: str

    def client(self, key: str | None = None) -> TestClient:
        """Return a client that sends a key, one's own unless said."""
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return TestClient(self.app, headers=headers)

    def train(self, run_id: str) -> None:
        """Do what a worker does when the bell rings."""
        train(Leases(self.sessions, Blobs(), lease_s=15.0), run_id)


def train(leases: Leases, run_id: str) -> None:
    """Train a run in this process."""
    runner = Runner(
        leases=leases,
        worker_id="wrk_test",
        lease_s=15.0,
        clock=SystemClock(),
        is_draining=lambda: False,
        ring_next=lambda: None,
    )
    runner.run(run_id)


def make_api(folder: Path, template: Path, **limits: Any) -> Api:
    """Compose an application on a fresh database in `folder`."""
    settings, _ = load_settings({"SLOPE_STATE_DIR": str(folder)})
    shutil.copy(template, folder / "slope.db")
    sessions = Sessions(make_engine(settings.resolved_database_url))
    projects = Projects(sessions)
    key_id, key = projects.create_key("ours")
    return Api(
        app=create_app(compose(settings, Limits.model_validate({**GENEROUS, **limits}))),
        sessions=sessions,
        key=key,
        key_id=key_id,
        reading_key=projects.create_key("ours", ["read"])[1],
        foreign_key=projects.create_key("theirs")[1],
    )


@pytest.fixture
def fresh_api(tmp_path: Path, sqlite_template: Path) -> Iterator[Api]:
    """An application that nobody has used."""
    made = make_api(tmp_path, sqlite_template)
    yield made
    made.sessions.dispose()


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Api]:
    """An application that tests share."""
    made = make_api(tmp_path_factory.mktemp("api"), sqlite_template)
    yield made
    made.sessions.dispose()


@pytest.fixture(scope="session")
def client(api: Api) -> Iterator[TestClient]:
    """A client of the shared application."""
    with api.client() as made:
        yield made


FLOWERS = "length,colour,kind\n" + "".join(
    f"{index * 0.5},{'red' if index % 3 else 'blue'},{'long' if index > 19 else 'short'}\n"
    for index in range(40)
)


@pytest.fixture(scope="session")
def dataset(client: TestClient) -> dict[str, Any]:
    """A table of the shared application: a number, a category, a class that follows from both."""
    answer = client.post("/v1/datasets", files={"file": ("flowers.csv", FLOWERS.encode())})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="session")
def finished_run(api: Api, client: TestClient, dataset: dict[str, Any]) -> dict[str, Any]:
    """A run that has ended with a model named `flowers`."""
    wish = {
        "dataset_id": dataset["id"],
        "target": "kind",
        "network": {"layers": [{"type": "dense", "units": 4}]},
        "training": {"epochs": 5},
        "model": "flowers",
    }
    answer = client.post("/v1/runs", json=wish)
    assert answer.status_code == 202, answer.text
    api.train(answer.json()["id"])
    found: dict[str, Any] = client.get(f"/v1/runs/{answer.json()['id']}").json()
    assert found["status"] == "succeeded", found
    return found
