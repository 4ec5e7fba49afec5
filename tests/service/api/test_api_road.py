"""The whole road over HTTP: a table, a network, a run, its curve, its model, predictions."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from safetensors.numpy import load
from sqlalchemy import update

from service.store.tables import BlobChunkRow
from tests.service.api.conftest import FLOWERS

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api


def test_a_dataset_is_described_and_shown(client: TestClient, dataset: dict[str, Any]) -> None:
    types = {column["name"]: column["type"] for column in dataset["columns"]}
    assert types == {"length": "numeric", "colour": "categorical", "kind": "categorical"}
    assert dataset["sha256"] == hashlib.sha256(FLOWERS.encode()).hexdigest()
    assert dataset["bytes"] == len(FLOWERS.encode())
    assert client.get(f"/v1/datasets/{dataset['id']}").json() == dataset
    window = client.get(f"/v1/datasets/{dataset['id']}/rows", params={"offset": 39}).json()
    assert window == {
        "offset": 39,
        "rows": [{"length": 19.5, "colour": "blue", "kind": "long"}],
        "total": 40,
    }


def test_a_finished_run_shows_its_curve_events_and_report(
    client: TestClient, finished_run: dict[str, Any]
) -> None:
    path = f"/v1/runs/{finished_run['id']}"
    metrics = client.get(f"{path}/metrics").json()
    assert metrics["epochs"] == [1, 2, 3, 4, 5]
    assert len(metrics["series"]["val_accuracy"]) == 5
    events = client.get(f"{path}/events", params={"limit": 500}).json()["data"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["data"]["to"] == "succeeded"
    report = client.get(f"{path}/report").json()
    assert report["validation"]["n"] == 8
    assert report["learning"]["epochs"] == 5
    assert report["baselines"]["linear"]["rows"] == report["rows"]["train"]


def test_the_weights_of_epoch_0_are_kept_with_their_digest(
    client: TestClient, finished_run: dict[str, Any]
) -> None:
    checkpoints = client.get(f"/v1/runs/{finished_run['id']}/checkpoints").json()["data"]
    initial = next(c for c in checkpoints if c["epoch"] == 0)
    answer = client.get(f"/v1/checkpoints/{initial['id']}/weights")
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert load(answer.content)["layers.0.weight"].shape[1] == 4
    again = client.get(
        f"/v1/checkpoints/{initial['id']}/weights",
        headers={"If-None-Match": answer.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


def test_a_model_is_found_by_id_name_and_version(
    client: TestClient, finished_run: dict[str, Any]
) -> None:
    by_id = client.get(f"/v1/models/{finished_run['model_id']}").json()
    assert by_id["run_id"] == finished_run["id"]
    assert client.get("/v1/models/flowers").json() == by_id
    assert client.get("/v1/models/flowers:1").json() == by_id
    assert client.get("/v1/models").json()["data"][0]["id"] == by_id["id"]


@pytest.mark.usefixtures("finished_run")
def test_rows_inputs_and_csv_predict_the_same_bits(client: TestClient) -> None:
    rows = [{"colour": "red", "length": 3.0}, {"length": 18.0, "colour": "blue"}]
    by_rows = client.post("/v1/models/flowers/predict", json={"rows": rows}).json()
    by_inputs = client.post(
        "/v1/models/flowers/predict", json={"inputs": [[3.0, "red"], [18.0, "blue"]]}
    ).json()
    by_csv = client.post(
        "/v1/models/flowers/predict",
        content="colour,length\nred,3.0\nblue,18.0\n",
        headers={"Content-Type": "text/csv"},
    ).json()
    assert by_rows == by_inputs == by_csv
    assert {p["label"] for p in by_rows["predictions"]} <= {"long", "short"}
    for prediction in by_rows["predictions"]:
        assert sum(prediction["probabilities"].values()) == pytest.approx(1.0, abs=1e-6)
    alone = client.post("/v1/models/flowers/predict", json={"rows": rows[1:]}).json()
    assert alone["predictions"] == by_rows["predictions"][1:]


@pytest.mark.usefixtures("finished_run")
def test_a_missing_cell_predicts_with_a_warning(client: TestClient) -> None:
    row = {"length": None, "colour": "green"}
    answer = client.post("/v1/models/flowers/predict", json={"rows": [row]})
    assert answer.status_code == 200
    codes = {(w["column"], w["code"]) for w in answer.json()["warnings"]}
    assert codes == {("length", "imputed"), ("colour", "unseen_category")}


def test_a_run_is_accepted_without_a_broker_and_can_be_cancelled(
    client: TestClient, dataset: dict[str, Any]
) -> None:
    answer = client.post("/v1/runs", json={"dataset_id": dataset["id"], "target": "kind"})
    assert answer.status_code == 202
    run = answer.json()
    assert answer.headers["location"] == f"/v1/runs/{run['id']}"
    assert client.get(answer.headers["location"]).json() == run
    assert client.delete(f"/v1/datasets/{dataset['id']}").status_code == 409
    cancelled = client.post(f"/v1/runs/{run['id']}/cancel").json()
    assert (cancelled["status"], cancelled["stop_reason"]) == ("cancelled", "user_cancel")
    waiting = client.get("/v1/runs", params={"status": "cancelled"}).json()["data"]
    assert run["id"] in [found["id"] for found in waiting]
    assert client.delete(f"/v1/runs/{run['id']}").status_code == 204
    assert client.get(f"/v1/runs/{run['id']}").status_code == 404


def test_a_network_is_kept_and_used_by_its_id(client: TestClient, dataset: dict[str, Any]) -> None:
    layers = [{"type": "dense", "units": 3, "activation": "tanh", "l2": 0.0}]
    network = client.post("/v1/networks", json={"name": "small", "layers": layers}).json()
    wish = {"dataset_id": dataset["id"], "target": "kind", "network": network["id"]}
    run = client.post("/v1/runs", json=wish).json()
    assert run["spec"]["network"]["layers"][0]["activation"] == "tanh"
    assert client.delete(f"/v1/networks/{network['id']}").status_code == 204
    assert client.get(f"/v1/networks/{network['id']}").status_code == 404


def test_a_network_is_validated_with_its_cost(client: TestClient, dataset: dict[str, Any]) -> None:
    body = {
        "network": {"layers": [{"type": "dense", "units": 8}]},
        "dataset_id": dataset["id"],
        "target": "kind",
    }
    answer = client.post("/v1/networks/validate", json=body).json()
    assert answer["errors"] == []
    assert answer["parameters"] == sum(layer["parameters"] for layer in answer["layers"])
    assert answer["memory_bytes"] > 0
    open_ended = client.post("/v1/networks/validate", json={"network": body["network"]}).json()
    assert open_ended["layers"][0]["parameters"] is None
    wrong = client.post("/v1/networks/validate", json=body | {"target": "size"}).json()
    assert [error["pointer"] for error in wrong["errors"]] == ["/target"]


def test_pages_lead_through_the_whole_list(fresh_api: Api) -> None:
    with fresh_api.client() as client:
        made = [
            client.post("/v1/networks", json={"name": f"n{n}", "layers": []}).json()["id"]
            for n in range(5)
        ]
        seen: list[str] = []
        after: str | None = None
        while True:
            query = {"limit": "2"} | ({"after": after} if after else {})
            page = client.get("/v1/networks", params=query).json()
            seen += [network["id"] for network in page["data"]]
            after = page["next"]
            if after is None:
                break
    assert seen == made[::-1]


def test_what_means_without_it_is_accepted_where_the_contract_sends_it(
    client: TestClient, dataset: dict[str, Any]
) -> None:
    layer = {"type": "dense", "units": 4, "activation": "relu", "initializer": "he_normal"}
    wish = {
        "dataset_id": dataset["id"],
        "target": "kind",
        "features": ["length", "colour"],
        "task": "auto",
        "network": {"layers": [layer | {"l2": 0.0, "bias": True}]},
        "preprocessing": "auto",
        "training": {
            "epochs": 10,
            "batch_size": "auto",
            "loss": "auto",
            "optimizer": {"type": "adam", "learning_rate": 0.001},
            "schedule": None,
            "early_stopping": None,
            "clip_norm": None,
            "class_weight": None,
            "sample_weight": None,
            "shuffle": True,
            "precision": "float32",
            "checkpoint_every": "auto",
        },
        "split": {"validation": 0.2, "test": 0.0, "method": "random", "column": None},
        "seed": 0,
        "device": "auto",
        "budget": {"seconds": None, "epochs": None},
        "parent": None,
        "labels": {"team": "x"},
    }
    answer = client.post("/v1/runs", json=wish)
    assert answer.status_code == 202, answer.text
    assert answer.json()["spec"]["training"]["epochs"] == 10
    assert client.post(f"/v1/runs/{answer.json()['id']}/cancel").status_code == 200


def test_a_model_whose_bytes_have_rotted_answers_nothing(fresh_api: Api) -> None:
    with fresh_api.client() as client:
        table = {"file": ("flowers.csv", FLOWERS.encode())}
        dataset = client.post("/v1/datasets", files=table).json()
        wish = {
            "dataset_id": dataset["id"],
            "target": "kind",
            "network": {"layers": []},
            "training": {"epochs": 1},
        }
        run = client.post("/v1/runs", json=wish).json()
        fresh_api.train(run["id"])
        model_id = client.get(f"/v1/runs/{run['id']}").json()["model_id"]
        model = client.get(f"/v1/models/{model_id}")
        rotten = (
            update(BlobChunkRow)
            .where(BlobChunkRow.sha256 == model.json()["sha256"])
            .values(data=b"rotten")
        )
        with fresh_api.sessions.begin() as session:
            session.execute(rotten)
        row = {"length": 1.0, "colour": "red"}
        path = f"/v1/models/{model.json()['id']}/predict"
        answer = client.post(path, json={"rows": [row]})
        assert (answer.status_code, answer.json()["code"]) == (500, "model_corrupt")
