"""What a network of several members would be: its layers counted with and without a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.testclient import TestClient

NETWORK: dict[str, Any] = {
    "layers": [
        {"type": "dropout", "rate": 0.1},
        {"type": "dense", "units": 6, "activation": "prelu"},
        {"type": "batch_norm"},
        {"type": "activation", "activation": "gelu"},
        {"type": "dense", "units": 6, "bias": False},
        {"type": "residual", "span": 1},
        {"type": "layer_norm"},
        {"type": "scale", "factor": 6.0},
    ],
    "skip": True,
    "embeddings": [{"column": "colour", "dimension": 2}],
    "members": 3,
}
NAMES = [
    "dropouts.0", "layers.0", "norms.0", "activations.0", "layers.1", "residuals.0", "norms.1",
    "scales.0",
]  # fmt: skip
# Weights and slopes for all; scales in and out, and a bias, for each.
PARAMETERS = [0, 3 * 6 + 6 + 3 * (3 + 6 + 6), 4 * 6, 0, 6 * 6 + 3 * (6 + 6), 0, 2 * 6, 6]


def _validated(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/networks/validate", json={"network": NETWORK} | body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_every_layer_is_counted_on_a_table(client: TestClient, dataset: dict[str, Any]) -> None:
    found = _validated(client, dataset_id=dataset["id"], target="kind")
    assert found["errors"] == []
    assert found["resolved"]["network"]["members"] == 3
    by_name = {layer["name"]: layer["parameters"] for layer in found["layers"]}
    assert [by_name[name] for name in NAMES] == PARAMETERS
    assert by_name["layers.2"] == 3 * 7
    assert found["parameters"] == sum(by_name.values())


def test_without_a_table_what_hangs_on_the_inputs_is_open(client: TestClient) -> None:
    known = {layer["name"]: layer["parameters"] for layer in _validated(client)["layers"]}
    assert [known[name] for name in NAMES[2:]] == PARAMETERS[2:]
    assert known["layers.0"] is None


def test_there_are_at_most_64(client: TestClient) -> None:
    asked = {"network": NETWORK | {"members": 65}}
    answer = client.post("/v1/networks/validate", json=asked)
    assert answer.status_code == 422
    assert [e["pointer"] for e in answer.json()["errors"]] == ["/network/members"]


def test_a_stored_network_keeps_them(client: TestClient) -> None:
    made = client.post("/v1/networks", json=NETWORK | {"name": "several"})
    assert made.status_code == 201, made.text
    assert client.get(f"/v1/networks/{made.json()['id']}").json()["members"] == 3
