"""The verbs of a run, as a client says them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api


@pytest.fixture
def waiting(client: TestClient, dataset: dict[str, Any]) -> str:
    wish = {"dataset_id": dataset["id"], "target": "kind", "network": "linear", "priority": -7}
    return str(client.post("/v1/runs", json=wish).json()["id"])


def test_a_run_obeys_without_a_body(client: TestClient, waiting: str) -> None:
    for verb, status in (("pause", "paused"), ("resume", "queued"), ("stop", "cancelled")):
        answer = client.post(f"/v1/runs/{waiting}/{verb}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    refused = client.post(f"/v1/runs/{waiting}/pause")
    assert (refused.status_code, refused.json()["code"]) == (409, "run_finished")


def test_a_key_that_only_reads_moves_nothing(api: Api, waiting: str) -> None:
    with api.client(api.reading_key) as reader:
        for verb in ("pause", "resume", "stop", "cancel", "replay"):
            assert reader.post(f"/v1/runs/{waiting}/{verb}").status_code == 403
        assert reader.get(f"/v1/runs/{waiting}/provenance").status_code == 200


def test_a_run_is_repeated_once_for_each_key(
    api: Api, client: TestClient, finished_run: dict[str, Any]
) -> None:
    path = f"/v1/runs/{finished_run['id']}/replay"
    answer = client.post(path, headers={"Idempotency-Key": "again"})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/runs/{answer.json()['id']}"
    repeated = client.post(path, headers={"Idempotency-Key": "again"})
    assert repeated.content == answer.content
    assert repeated.headers["idempotency-replayed"] == "true"
    api.train(answer.json()["id"])
    run = client.get(f"/v1/runs/{answer.json()['id']}").json()
    assert run["replay"]["identical"] is True
    assert run["weights_sha256"] == finished_run["weights_sha256"]
    assert run["model_id"] is None
    provenance = client.get(f"/v1/runs/{finished_run['id']}/provenance").json()
    assert {"run_id": run["id"], "identical": True} in provenance["replays"]


def test_a_checkpoint_alone_is_a_whole_wish(
    api: Api, client: TestClient, finished_run: dict[str, Any]
) -> None:
    listed = client.get(f"/v1/runs/{finished_run['id']}/checkpoints").json()["data"]
    parent = {"checkpoint_id": listed[0]["id"], "mode": "continue"}
    wish = {"parent": parent, "training": {"epochs": 7}}
    run = client.post("/v1/runs", json=wish).json()
    api.train(run["id"])
    run = client.get(f"/v1/runs/{run['id']}").json()
    assert (run["status"], run["spec"]["model"]) == ("succeeded", "flowers")
    assert client.get(f"/v1/runs/{run['id']}/metrics").json()["epochs"] == list(range(1, 8))
    model = client.get(f"/v1/models/{run['model_id']}").json()
    assert (model["name"], model["version"]) == ("flowers", 2)
    warm = {"parent": parent | {"mode": "warm_start"}, "training": {"epochs": 2}, "model": None}
    run = client.post("/v1/runs", json=warm).json()
    api.train(run["id"])
    run = client.get(f"/v1/runs/{run['id']}").json()
    assert (run["status"], run["progress"]["epoch"]) == ("succeeded", 2)
