"""On PostgreSQL, which refuses more than SQLite does, bad requests are no defects either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from service.app import compose, create_app
from service.settings import Limits, load_settings
from service.store.blobs import Blobs
from service.store.db import Sessions, make_engine
from service.usecases.leases import Leases
from service.usecases.projects import Projects
from tests.service.api.conftest import FLOWERS, GENEROUS, train

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sessions_and_client(tmp_path: Path, postgres_url: str) -> Iterator[tuple[Sessions, TestClient]]:
    """An application on a fresh database, with a client that may everything."""
    environ = {
        "SLOPE_STATE_DIR": str(tmp_path),
        "SLOPE_DATABASE_URL": postgres_url,
        "SLOPE_REDIS_URL": "redis://127.0.0.1:1/0",
    }
    settings, _ = load_settings(environ)
    sessions = Sessions(make_engine(settings.resolved_database_url))
    key = Projects(sessions).create_key("ours")[1]
    app = create_app(compose(settings, Limits.model_validate(GENEROUS)))
    with TestClient(app, headers={"Authorization": f"Bearer {key}"}) as client:
        yield sessions, client
    sessions.dispose()


def test_the_road_is_the_same(sessions_and_client: tuple[Sessions, TestClient]) -> None:
    sessions, client = sessions_and_client
    answer = client.post("/v1/datasets", files={"file": ("flowers.csv", FLOWERS.encode())})
    assert answer.status_code == 201, answer.text
    wish: dict[str, Any] = {
        "dataset_id": answer.json()["id"],
        "target": "kind",
        "network": {"layers": []},
        "training": {"epochs": 3},
        "model": "flowers",
    }
    run = client.post("/v1/runs", json=wish, headers={"Idempotency-Key": "k"}).json()
    train(Leases(sessions, Blobs(), lease_s=15.0), run["id"])
    assert client.get(f"/v1/runs/{run['id']}").json()["status"] == "succeeded"
    row = {"length": 3.0, "colour": "red"}
    predicted = client.post("/v1/models/flowers/predict", json={"rows": [row]})
    assert predicted.status_code == 200
    assert client.get("/v1/models", params={"limit": 1}).json()["next"] is None


def test_a_table_is_derived_once_for_each_key(
    sessions_and_client: tuple[Sessions, TestClient],
) -> None:
    _, client = sessions_and_client
    parent = client.post("/v1/datasets", files={"file": ("t.csv", FLOWERS.encode())}).json()
    path, wish = f"/v1/datasets/{parent['id']}/derive", {"length": {"type": "categorical"}}
    derived, again = (
        client.post(path, json={"schema": wish}, headers={"Idempotency-Key": "d"}) for _ in range(2)
    )
    assert (derived.status_code, again.json()["id"]) == (201, derived.json()["id"])
    types = {column["name"]: column["type"] for column in derived.json()["columns"]}
    assert types["length"] == "categorical"
    assert derived.json()["parent_id"] == parent["id"]
    refused = client.post(path, json={"schema": {"colour": {"type": "numeric"}}})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "bad_number")
    listed = client.get("/v1/datasets").json()["data"]
    assert [dataset["id"] for dataset in listed] == [derived.json()["id"], parent["id"]]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models/a%00b", 404),
        ("/v1/runs?model=a%00b", 422),
        ("/v1/runs?dataset_id=a%00b", 422),
        ("/v1/runs/run_%000000000000000000000000000", 404),
        ("/v1/models/x:2147483648", 404),
        ("/v1/models/x:999999999", 404),
        (f"/v1/datasets/ds_{'0' * 26}/rows?offset=9007199254740993", 422),
        (f"/v1/runs/run_{'0' * 26}/events?after=9223372036854775807", 404),
        (f"/v1/runs/run_{'0' * 26}/events?after=9223372036854775808", 422),
    ],
)
def test_what_the_database_could_not_hold_never_reaches_it(
    sessions_and_client: tuple[Sessions, TestClient], path: str, status: int
) -> None:
    _, client = sessions_and_client
    assert client.get(path).status_code == status


@pytest.mark.parametrize("name", ["\u202eevil\u200b", "<script>", "'; DROP TABLE runs; --", "é\n"])
def test_any_name_is_kept_as_it_is(
    sessions_and_client: tuple[Sessions, TestClient], name: str
) -> None:
    _, client = sessions_and_client
    made = client.post("/v1/networks", json={"name": name, "layers": []})
    assert made.status_code == 201
    assert client.get(f"/v1/networks/{made.json()['id']}").json()["name"] == name
