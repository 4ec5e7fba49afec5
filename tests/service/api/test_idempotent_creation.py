"""A creating call sent twice creates once, and is answered twice alike."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from service.api.bodies import fingerprint
from service.usecases.idempotency import Idempotency, IdempotencyClaim
from service.usecases.projects import Projects
from tests.service.api.conftest import FLOWERS

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api

KEY = {"Idempotency-Key": "0b1b2c3d"}
NETWORK = {"name": "n", "layers": []}


def _creations(client: TestClient) -> list[tuple[str, dict[str, Any]]]:
    upload: dict[str, Any] = {"files": {"file": ("flowers.csv", FLOWERS.encode())}}
    dataset = client.post("/v1/datasets", **upload).json()
    run = {"dataset_id": dataset["id"], "target": "kind"}
    return [
        ("/v1/datasets", upload),
        ("/v1/networks", {"json": NETWORK}),
        ("/v1/runs", {"json": run}),
    ]


def test_the_answer_is_given_again_byte_for_byte(fresh_api: Api) -> None:
    with fresh_api.client() as client:
        for path, call in _creations(client):
            headers = {"Idempotency-Key": f"key for {path}"}
            before = len(client.get(path).json()["data"])
            first, second = (client.post(path, headers=headers, **call) for _ in range(2))
            assert first.status_code in {201, 202}
            assert (second.status_code, second.content) == (first.status_code, first.content)
            assert second.headers["location"] == first.headers["location"]
            assert "idempotency-replayed" not in first.headers
            assert second.headers["idempotency-replayed"] == "true"
            assert len(client.get(path).json()["data"]) == before + 1


def test_a_key_means_one_body(fresh_api: Api) -> None:
    with fresh_api.client() as client:
        assert client.post("/v1/networks", json=NETWORK, headers=KEY).status_code == 201
        other = client.post("/v1/networks", json=NETWORK | {"name": "m"}, headers=KEY)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_key_belongs_to_its_project(fresh_api: Api) -> None:
    with fresh_api.client() as ours, fresh_api.client(fresh_api.foreign_key) as theirs:
        answers = [c.post("/v1/networks", json=NETWORK, headers=KEY) for c in (ours, theirs)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json()["id"] != answers[1].json()["id"]


def test_a_call_that_created_nothing_frees_its_key(fresh_api: Api) -> None:
    missing = {"dataset_id": f"ds_{'0' * 26}", "target": "kind"}
    with fresh_api.client() as client:
        for _ in range(2):
            assert client.post("/v1/runs", json=missing, headers=KEY).status_code == 404
        junk: dict[str, Any] = {"files": {"file": ("x.csv", b"%PDF-1.7\n")}}
        for _ in range(2):
            headers = {"Idempotency-Key": "upload"}
            assert client.post("/v1/datasets", headers=headers, **junk).status_code == 415


def test_a_call_under_way_is_not_begun_again(fresh_api: Api) -> None:
    body = json.dumps(NETWORK).encode()
    headers = {"Idempotency-Key": "flying", "Content-Type": "application/json"}
    idempotency = Idempotency(fresh_api.sessions)
    project_id = Projects(fresh_api.sessions).authenticate(fresh_api.key).project_id
    claim = idempotency.begin(project_id, "flying", fingerprint("/v1/networks", body))
    assert isinstance(claim, IdempotencyClaim)
    with fresh_api.client() as client:
        answer = client.post("/v1/networks", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_flight")
        idempotency.abandon(claim)
        assert client.post("/v1/networks", content=body, headers=headers).status_code == 201


@pytest.mark.parametrize("n_callers", [8])
def test_many_callers_at_once_create_once(fresh_api: Api, n_callers: int) -> None:
    barrier = threading.Barrier(n_callers)
    with fresh_api.client() as client:

        def call(_: int) -> Any:
            barrier.wait()
            return client.post("/v1/networks", json=NETWORK, headers=KEY)

        with ThreadPoolExecutor(n_callers) as pool:
            answers = list(pool.map(call, range(n_callers)))
        assert {answer.status_code for answer in answers} <= {201, 409}
        created = {answer.json()["id"] for answer in answers if answer.status_code == 201}
        assert len(created) == 1
        assert len(client.get("/v1/networks").json()["data"]) == 1
