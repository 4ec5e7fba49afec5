"""One step over HTTP: by hand the same, on the user's own data, from a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.api import trace_examples
from tests.service.api.conftest import make_api

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

PATH = "/v1/networks/trace"
LINE = trace_examples.REQUEST


def _trace(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_line_is_learned_as_by_hand(client: TestClient) -> None:
    # m = 1, c = 0 on (1, 3) and (2, 5): errors -2 and -3, dL/dm = -8, dL/dc = -5, both times -0.1.
    found = _trace(client, **LINE)
    assert found["layers"][0]["a"] == [[1.0], [2.0]]
    assert found["loss"]["terms"] == [4.0, 9.0]
    assert found["loss"]["mean"] == 6.5
    m, c = found["gradients"]["tensors"]
    assert (m["gradient"], c["gradient"]) == ([-8.0], [-5.0])
    assert m["finite_difference"] == pytest.approx([-8.0], rel=1e-8)
    assert found["update"]["tensors"][0]["worked"] == "layers.0.weight[0] = 1 - 0.1 * (-8) = 1.8"
    assert [p["after"] for p in found["predictions"]] == pytest.approx([2.3, 4.1])
    assert found["after"]["loss"] == pytest.approx(0.65)


def test_the_example_is_what_is_answered(client: TestClient) -> None:
    found = _trace(client, **LINE)
    assert _rounded(found) == trace_examples.TRACE


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return value


def test_one_row_is_enough(client: TestClient) -> None:
    found = _trace(client, **(LINE | {"rows": [{"x": 1.0, "y": 3.0}]}))
    assert found["resolved"]["task"] == "regression"
    assert found["loss"]["terms"] == [4.0]


def test_classes_and_several_targets_can_be_traced(client: TestClient) -> None:
    rows = [{"x": 1.0, "kind": "a", "u": 2.5}, {"x": 2.0, "kind": "b", "u": 3.5}]
    classes = _trace(client, network={"layers": []}, target="kind", rows=rows)
    assert classes["resolved"]["classes"] == ["a", "b"]
    assert classes["predictions"][0]["truth"] == "a"
    both = _trace(client, network={"layers": []}, target=["x", "u"], features=["kind"], rows=rows)
    assert set(both["predictions"][1]["after"]) == {"x", "u"}
    assert len(both["loss"]["target_columns"]) == 2


def test_inputs_name_their_preprocessing(client: TestClient, dataset: dict[str, Any]) -> None:
    wish = {"dataset_id": dataset["id"], "target": "kind", "network": {"layers": []}}
    found = _trace(client, **wish, rows=[0, 39])
    names = [column["name"] for column in found["inputs"]["columns"]]
    assert names == ["length", "colour=blue", "colour=red"]
    assert found["inputs"]["values"][0][1:] == [1.0, 0.0]
    assert " / " in found["inputs"]["columns"][0]["formula"]
    written = [
        {"length": 0.0, "colour": "blue", "kind": "short"},
        {"length": 19.5, "colour": "blue", "kind": "long"},
    ]
    again = _trace(client, **wish, rows=written)
    assert again["layers"] == found["layers"]
    assert again["update"] == found["update"]


def test_without_rows_some_that_train_are_taken(
    client: TestClient, dataset: dict[str, Any]
) -> None:
    found = _trace(client, dataset_id=dataset["id"], target="kind", network="linear")
    assert found["rows"] == 8
    assert found["gradients"]["passed"]


def test_a_step_goes_on_from_a_checkpoint(client: TestClient, finished_run: dict[str, Any]) -> None:
    checkpoints = client.get(f"/v1/runs/{finished_run['id']}/checkpoints").json()["data"]
    final = next(one for one in checkpoints if one["kind"] == "final")
    row = {"length": 3.0, "colour": "red"}
    found = _trace(client, checkpoint_id=final["id"], rows=[row | {"kind": "short"}])
    assert found["resolved"]["checkpoint_id"] == final["id"]
    assert found["resolved"]["network"] == finished_run["spec"]["network"]
    predicted = client.post("/v1/models/flowers/predict", json={"rows": [row]}).json()
    told = found["predictions"][0]["before"]
    assert told["label"] == predicted["predictions"][0]["label"]
    # A model of float32 beside the same weights in float64.
    probability = predicted["predictions"][0]["probability"]
    assert told["probability"] == pytest.approx(probability, abs=1e-6)
    other = {"optimizer": {"type": "sgd", "learning_rate": 0.5}}
    changed = _trace(client, checkpoint_id=final["id"], rows=[0], training=other)
    assert changed["update"]["optimizer"] == "sgd"


def test_the_initial_checkpoint_is_the_seeds_own_start(
    client: TestClient, finished_run: dict[str, Any], dataset: dict[str, Any]
) -> None:
    checkpoints = client.get(f"/v1/runs/{finished_run['id']}/checkpoints").json()["data"]
    initial = next(one for one in checkpoints if one["kind"] == "initial")
    of_run = _trace(client, checkpoint_id=initial["id"], rows=[0, 1, 2])
    fresh = _trace(
        client,
        dataset_id=dataset["id"],
        target="kind",
        network={"layers": [{"type": "dense", "units": 4}]},
        rows=[0, 1, 2],
    )
    assert of_run["loss"]["mean"] == pytest.approx(fresh["loss"]["mean"], rel=1e-6)


def test_a_table_that_is_too_large_is_not_read(tmp_path: Path, sqlite_template: Path) -> None:
    small = make_api(tmp_path, sqlite_template, trace_cells=10)
    with small.client() as client:
        table = {"file": ("x.csv", b"x,y\n" + b"1,2\n3,4\n" * 5)}
        made = client.post("/v1/datasets", files=table).json()
        body = {"dataset_id": made["id"], "target": "y", "network": {"layers": []}}
        answer = client.post(PATH, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["limit"] == 10
    small.sessions.dispose()


def test_what_the_schedule_decides_is_told(client: TestClient) -> None:
    training = {
        "optimizer": {"type": "adam", "learning_rate": 0.01},
        "schedule": {"type": "one_cycle", "initial_divisor": 10.0},
        "ema_decay": 0.9,
    }
    found = _trace(client, **(LINE | {"training": training}))
    rate = found["update"]["learning_rate"]
    assert (rate["base"], rate["schedule"]) == (0.01, "one_cycle")
    assert rate["value"] == pytest.approx(0.001)
    assert found["update"]["numbers"]["lr"] == rate["value"]
    assert found["update"]["tensors"][0]["ema"]
