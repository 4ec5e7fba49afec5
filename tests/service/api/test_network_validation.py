"""What a network would be, kind by kind, with a table and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient

PATH = "/v1/networks/validate"
LAYERS: list[dict[str, Any]] = [
    {"type": "dropout", "rate": 0.1},
    {"type": "dense", "units": 6, "activation": "prelu"},
    {"type": "batch_norm"},
    {"type": "activation", "activation": "gelu"},
    {"type": "dense", "units": 6, "bias": False},
    {"type": "residual", "span": 1},
    {"type": "layer_norm"},
]
NETWORK = {"layers": LAYERS, "skip": True, "embeddings": [{"column": "colour", "dimension": 2}]}
NAMES = [
    "dropouts.0", "layers.0", "norms.0", "activations.0", "layers.1", "residuals.0", "norms.1",
]  # fmt: skip
# One number and a vector of two go in; then what hangs on six units.
PARAMETERS = [0, 3 * 6 + 6 + 6, 4 * 6, 0, 6 * 6, 0, 2 * 6]


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
    assert found["seconds_per_epoch"] > 0
    resolved = found["resolved"]["network"]
    assert resolved["layers"][1]["initializer"] == "he_uniform"
    assert resolved["output"]["activation"] == "sigmoid"


def test_without_a_table_what_hangs_on_the_inputs_is_open(client: TestClient) -> None:
    found = _validate(client, network=NETWORK)
    assert [layer["name"] for layer in found["layers"]] == NAMES
    open_ended = [0, None, *PARAMETERS[2:]]
    assert [layer["parameters"] for layer in found["layers"]] == open_ended
    assert found["layers"][0]["output_shape"] is None
    assert [layer["output_shape"] for layer in found["layers"][1:]] == [[6]] * 6
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
