"""What a network would be, kind by kind, with a table and without."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from service.usecases.workers import WorkerIdentity, Workers
from workers.engine.speed import Speed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api

PATH = "/v1/networks/validate"
LAYERS: list[dict[str, Any]] = [
    {"type": "dropout", "rate": 0.1},
    {"type": "dense", "units": 6, "activation": "prelu"},
    {"type": "batch_norm"},
    {"type": "activation", "activation": "gelu"},
    {"type": "dense", "units": 6, "bias": False},
    {"type": "residual", "span": 1},
    {"type": "layer_norm"},
    {"type": "scale", "factor": 6.0},
]
NETWORK = {"layers": LAYERS, "skip": True, "embeddings": [{"column": "colour", "dimension": 2}]}
NAMES = [
    "dropouts.0", "layers.0", "norms.0", "activations.0", "layers.1", "residuals.0", "norms.1",
    "scales.0",
]  # fmt: skip
# One number and a vector of two go in; then what hangs on six units.
PARAMETERS = [0, 3 * 6 + 6 + 6, 4 * 6, 0, 6 * 6, 0, 2 * 6, 6]


def _validate(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_every_layer_is_named_and_counted_on_a_table(
    client: TestClient, dataset: dict[str, Any]
) -> None:
    found = _validate(client, network=NETWORK, dataset_id=dataset["id"], target="kind")
    assert found["errors"] == []
    by_name = {layer["name"]: layer for layer in found["layers"]}
    assert [by_name[name]["parameters"] for name in NAMES] == PARAMETERS
    assert by_name["layers.2"]["parameters"] == 7
    assert by_name["skip"]["parameters"] == 3
    # Two colours, and the level of those that are missing or unseen.
    assert by_name["embeddings.colour"]["parameters"] == 3 * 2
    assert found["parameters"] == sum(layer["parameters"] for layer in found["layers"])
    assert found["memory_bytes"] > 4 * found["parameters"]
    resolved = found["resolved"]["network"]
    assert resolved["layers"][1]["initializer"] == "he_uniform"
    assert resolved["output"]["activation"] == "sigmoid"


@pytest.fixture
def worker_with_speed(api: Api) -> Iterator[Callable[[dict[str, float] | None], None]]:
    """Announces a worker that says how fast it trains."""
    workers = Workers(api.sessions)
    worker = WorkerIdentity("wrk_fast", 1, "host", ["slope.cpu"], slots=1)
    yield lambda speed: workers.announce(replace(worker, speed=speed))
    workers.leave(worker.id)


def test_the_time_of_an_epoch_is_that_of_the_worker_at_hand(
    client: TestClient,
    dataset: dict[str, Any],
    worker_with_speed: Callable[[dict[str, float] | None], None],
) -> None:
    seconds = []
    for epoch_s in (1.0, 3.0):
        worker_with_speed(Speed(1e11, 1e-6, 1e-5, epoch_s).to_plain())
        found = _validate(client, network=NETWORK, dataset_id=dataset["id"], target="kind")
        seconds.append(found["seconds_per_epoch"])
    # Once to train, once for the look at the rows that validate.
    assert seconds[1] - seconds[0] == pytest.approx(2 * 2.0)
    assert found["warnings"] == []


@pytest.mark.parametrize("said", [None, {"flops_per_s": 1e11}])
def test_no_time_is_told_where_no_worker_has_said_its_speed(
    client: TestClient,
    dataset: dict[str, Any],
    worker_with_speed: Callable[[dict[str, float] | None], None],
    said: dict[str, float] | None,
) -> None:
    worker_with_speed(said)
    found = _validate(client, network=NETWORK, dataset_id=dataset["id"], target="kind")
    assert found["seconds_per_epoch"] is None
    assert any("how fast it trains" in warning for warning in found["warnings"])


def test_the_time_on_a_gpu_is_not_told_from_that_on_a_cpu(
    client: TestClient,
    dataset: dict[str, Any],
    worker_with_speed: Callable[[dict[str, float] | None], None],
) -> None:
    worker_with_speed(Speed(1e11, 1e-6, 1e-5, 1.0).to_plain())
    body = {"network": NETWORK, "dataset_id": dataset["id"], "target": "kind"}
    assert _validate(client, **body, device="cpu")["seconds_per_epoch"] > 0.0
    found = _validate(client, **body, device="cuda")
    assert found["seconds_per_epoch"] is None
    assert [w for w in found["warnings"] if w.startswith("No GPU worker has said")]


def test_without_a_table_what_hangs_on_the_inputs_is_open(client: TestClient) -> None:
    found = _validate(client, network=NETWORK)
    assert [layer["name"] for layer in found["layers"]] == NAMES
    open_ended = [0, None, *PARAMETERS[2:]]
    assert [layer["parameters"] for layer in found["layers"]] == open_ended
    assert found["layers"][0]["output_shape"] is None
    assert [layer["output_shape"] for layer in found["layers"][1:]] == [[6]] * 7
    assert found["resolved"]["training"] is None
    assert "inputs" in found["warnings"][0]


@pytest.mark.parametrize(
    ("layers", "pointer", "code"),
    [
        ([{"type": "residual", "span": 2}], "/network/layers/0/span", "span_too_long"),
        (
            [{"type": "dense", "units": 3}, {"type": "dense", "units": 4}, {"type": "residual"}],
            "/network/layers/2",
            "residual_width",
        ),
    ],
)
def test_connections_that_cannot_be_are_found_without_a_table(
    client: TestClient, layers: list[dict[str, Any]], pointer: str, code: str
) -> None:
    found = _validate(client, network={"layers": layers})
    assert [(error["pointer"], error["code"]) for error in found["errors"]] == [(pointer, code)]


BATCH_NORM = {"layers": [{"type": "dense", "units": 4}, {"type": "batch_norm"}]}
LINEAR: dict[str, Any] = {"layers": []}


@pytest.mark.parametrize(
    ("network", "training", "pointer", "code"),
    [
        (BATCH_NORM, {"batch_size": 1}, "/network/layers/1", "batch_too_small"),
        (
            LINEAR,
            {"optimizer": {"type": "lbfgs"}, "clip_norm": 1.0},
            "/training/clip_norm",
            "not_with_lbfgs",
        ),
        (
            LINEAR,
            {"optimizer": {"type": "lbfgs"}, "accumulate": 2},
            "/training/accumulate",
            "not_with_lbfgs",
        ),
        (
            {"layers": [{"type": "dropout", "rate": 0.5}]},
            {"optimizer": {"type": "lbfgs"}},
            "/network/layers/0",
            "not_with_lbfgs",
        ),
        (
            LINEAR,
            {"schedule": {"type": "multistep", "milestones": [5, 3]}},
            "/training/schedule/milestones/1",
            "not_ascending",
        ),
        (
            LINEAR,
            {"loss": {"type": "softmax_cross_entropy"}, "early_stopping": {"monitor": "val_rmse"}},
            "/training/early_stopping/monitor",
            "spec_dataset_mismatch",
        ),
        (
            LINEAR | {"output": {"activation": "softmax"}},
            {"loss": {"type": "binary_cross_entropy"}},
            "/network/output/activation",
            "spec_dataset_mismatch",
        ),
        (
            LINEAR | {"embeddings": [{"column": "colour", "dimension": 2}] * 2},
            {},
            "/network/embeddings/1/column",
            "duplicate_embedding",
        ),
        (
            {"layers": [{"type": "dense", "units": 10_000}] * 2},
            {},
            "/network",
            "model_too_large",
        ),
    ],
)
def test_what_no_table_can_mend_is_found_without_one_as_a_run_finds_it(
    client: TestClient,
    dataset: dict[str, Any],
    network: dict[str, Any],
    training: dict[str, Any],
    pointer: str,
    code: str,
) -> None:
    found = _validate(client, network=network, training=training)
    assert [(error["pointer"], error["code"]) for error in found["errors"]] == [(pointer, code)]
    body = {"dataset_id": dataset["id"], "target": "kind", "network": network, "training": training}
    refused = client.post("/v1/runs", json=body)
    assert refused.status_code == 422
    assert (pointer, code) in [(e["pointer"], e["code"]) for e in refused.json()["errors"]]


def test_several_targets_are_a_regression_without_a_table_too(client: TestClient) -> None:
    wrong = {"class_weight": "balanced"}
    found = _validate(client, network=LINEAR, training=wrong, target=["x", "y"])
    assert [error["pointer"] for error in found["errors"]] == ["/training/class_weight"]
    loss = {"loss": {"type": "focal"}}
    found = _validate(client, network=LINEAR, training=loss, target=["x", "y"])
    assert [error["pointer"] for error in found["errors"]] == ["/training/loss"]


def test_a_kept_network_keeps_all_that_was_said(client: TestClient) -> None:
    output = {"activation": "softplus", "l2": 0.1}
    made = client.post("/v1/networks", json={"name": "all", **NETWORK, "output": output}).json()
    assert made == client.get(f"/v1/networks/{made['id']}").json()
    assert made["skip"] is True
    assert made["embeddings"] == NETWORK["embeddings"]
    assert (made["output"]["activation"], made["output"]["l2"]) == ("softplus", 0.1)
    assert [layer["type"] for layer in made["layers"]] == [layer["type"] for layer in LAYERS]


def test_a_training_of_every_option_is_resolved(
    client: TestClient, dataset: dict[str, Any]
) -> None:
    training = {
        "epochs": 20,
        "loss": {"type": "focal", "gamma": 1.5},
        "optimizer": {"type": "nadam"},
        "schedule": {"type": "multistep", "milestones": [5, 10], "warmup_steps": 3},
        "early_stopping": {"monitor": "val_auc", "patience": 4},
        "clip_norm": 1.0,
        "clip_value": 0.5,
        "accumulate": 2,
        "ema_decay": 0.9,
        "class_weight": {"long": 2.0, "short": 1.0},
        "sample_weight": "length",
    }
    body = {"network": NETWORK, "training": training, "dataset_id": dataset["id"]}
    found = _validate(client, **body, target="kind")
    assert found["errors"] == []
    resolved = found["resolved"]["training"]
    for name, value in training.items():
        if isinstance(value, dict):
            assert resolved[name].items() >= value.items(), name
        else:
            assert resolved[name] == value, name
    assert resolved["early_stopping"]["mode"] == "max"


@pytest.mark.parametrize(("milestone", "code"), [("2", "integer_expected"), (0, "out_of_range")])
def test_a_wrong_item_is_one_problem_and_not_a_short_list_too(
    client: TestClient, milestone: Any, code: str
) -> None:
    schedule = {"type": "multistep", "milestones": [milestone]}
    body = {"network": {"layers": []}, "training": {"schedule": schedule}}
    errors = client.post(PATH, json=body).json()["errors"]
    place = "/training/schedule/milestones/0"
    assert [(e["pointer"], e["code"]) for e in errors] == [(place, code)]


@pytest.mark.parametrize(
    ("layers", "pointer", "code"),
    [
        ([{"type": "residual", "span": 63}], "/layers/0/span", "span_too_long"),
        (
            [{"type": "dense", "units": 4}, {"type": "dense", "units": 5}, {"type": "residual"}],
            "/layers/2",
            "residual_width",
        ),
    ],
)
def test_a_network_that_fits_no_table_is_not_kept(
    client: TestClient, layers: list[dict[str, Any]], pointer: str, code: str
) -> None:
    answer = client.post("/v1/networks", json={"name": "impossible", "layers": layers})
    assert answer.status_code == 422
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]
    kept = [network["name"] for network in client.get("/v1/networks").json()["data"]]
    assert "impossible" not in kept
