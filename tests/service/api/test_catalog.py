"""The catalogue is the engine's declaration: nothing is missing, and what it says is so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest

from service.schemas.catalog import Subject
from workers.engine.spec import (
    ACTIVATIONS,
    INITIALIZERS,
    METRICS,
    Layer,
    Loss,
    Optimizer,
    Schedule,
)
from workers.tabular.spec import TRANSFORMS

if TYPE_CHECKING:
    from starlette.testclient import TestClient


def _types(union: Any) -> list[str]:
    return [member.type for member in get_args(get_args(union)[0])]


NAMES: dict[str, list[str]] = {
    "activations": list(ACTIVATIONS),
    "losses": _types(Loss),
    "optimizers": _types(Optimizer),
    "schedules": _types(Schedule),
    "initializers": list(INITIALIZERS),
    "layers": [*_types(Layer), "output", "embedding", "numeric_embedding", "network"],
    "metrics": list(METRICS),
    "recipes": ["auto", "tabm", "realmlp", "mlp", "linear"],
    "preprocessing": ["numeric", "categorical", "datetime", "columns", *TRANSFORMS],
}
_COLUMN_SPECS = {"numeric", "categorical", "datetime", "columns"}
VALUES = {"integer": 1, "number": 0.5, "boolean": True, "array": [1], "string": "relu"}


def _entries(client: TestClient, subject: str) -> list[dict[str, Any]]:
    answer = client.get(f"/v1/catalog/{subject}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


@pytest.mark.parametrize("subject", get_args(Subject))
def test_a_catalogue_has_everything_that_there_is(client: TestClient, subject: str) -> None:
    entries = _entries(client, subject)
    assert sorted(entry["name"] for entry in entries) == sorted(NAMES[subject])
    for entry in entries:
        assert entry["description"]
        assert entry["tasks"], entry["name"]
        if subject not in {"recipes", "layers"} and entry["name"] not in _COLUMN_SPECS:
            assert entry["formula"], entry["name"]
        if subject in {"activations", "losses"}:
            assert entry["derivative"], entry["name"]


def test_an_unknown_catalogue_is_answered_with_those_that_there_are(client: TestClient) -> None:
    answer = client.get("/v1/catalog/optimisers")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert all(subject in answer.json()["detail"] for subject in get_args(Subject))


def test_a_catalogue_is_sent_once(client: TestClient) -> None:
    first = client.get("/v1/catalog/losses")
    again = client.get("/v1/catalog/losses", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == first.headers["cache-control"]
    other = client.get("/v1/catalog/layers", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200


def test_parameters_have_their_ranges_and_defaults(client: TestClient) -> None:
    adam = next(e for e in _entries(client, "optimizers") if e["name"] == "adam")
    rate, beta1, *_ = adam["parameters"]
    assert (rate["name"], rate["type"], rate["default"]) == ("learning_rate", "number", 0.001)
    assert (rate["exclusive_minimum"], rate["maximum"]) == (1e-12, 10.0)
    assert (beta1["minimum"], beta1["exclusive_maximum"]) == (0.0, 1.0)
    dense = _entries(client, "layers")[0]
    by_name = {parameter["name"]: parameter for parameter in dense["parameters"]}
    assert by_name["units"]["required"]
    assert "gelu" in by_name["activation"]["choices"]
    assert by_name["max_norm"]["nullable"]


@pytest.mark.parametrize(
    ("subject", "place"),
    [("losses", "loss"), ("optimizers", "optimizer"), ("schedules", "schedule")],
)
def test_a_range_of_the_catalogue_is_that_of_the_wire(
    client: TestClient, subject: str, place: str
) -> None:
    seen = 0
    for entry in _entries(client, subject):
        needed = {p["name"]: VALUES[p["type"]] for p in entry["parameters"] if p["required"]}
        for parameter in entry["parameters"]:
            for bound, beyond in (("maximum", 1), ("minimum", -1)):
                if parameter[bound] is None:
                    continue
                wish = {"type": entry["name"], **needed}
                wish[parameter["name"]] = parameter[bound] + beyond
                body = {"network": {"layers": []}, "training": {place: wish}}
                answer = client.post("/v1/networks/validate", json=body)
                assert answer.status_code == 422, (entry["name"], parameter["name"])
                error = answer.json()["errors"][0]
                assert error["pointer"] == f"/training/{place}/{parameter['name']}"
                assert error["limit"] == parameter[bound]
                seen += 1
    assert seen >= 3


def test_a_loss_goes_with_the_outputs_and_tasks_that_it_names(
    client: TestClient, dataset: dict[str, Any]
) -> None:
    for entry in _entries(client, "losses"):
        body = {
            "network": {"layers": [], "output": {"activation": entry["outputs"][0]}},
            "training": {"loss": {"type": entry["name"]}},
            "dataset_id": dataset["id"],
            "target": "length" if entry["tasks"] == ["regression"] else "kind",
        }
        if entry["name"] == "mse":
            body["target"] = "length"
        answer = client.post("/v1/networks/validate", json=body).json()
        assert answer["errors"] == [], entry["name"]
        assert answer["resolved"]["training"]["loss"]["type"] == entry["name"]
        wrong = body | {"target": "kind" if body["target"] == "length" else "length"}
        if entry["name"] != "mse":
            refused = client.post("/v1/networks/validate", json=wrong).json()
            assert refused["errors"], entry["name"]
