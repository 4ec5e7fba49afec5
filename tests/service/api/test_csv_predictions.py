"""A model reads CSV as the text of its table was read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api

# "NA" is a colour here (natural amber), "?" is missing, and a comma marks the decimals.
TABLE = "size;colour;price\n" + "".join(
    f"{'?' if number % 9 == 0 else f'{number},5'};{'NA' if number % 2 else 'red'};{number},25\n"
    for number in range(40)
)
SCHEMA = {"size": {"missing": ["?"]}, "colour": {"missing": []}}


@pytest.fixture
def model_id(api: Api, client: TestClient) -> str:
    form = {"schema": json.dumps(SCHEMA), "parse": json.dumps({"delimiter": ";", "decimal": ","})}
    dataset = client.post("/v1/datasets", files={"file": ("t.csv", TABLE)}, data=form).json()
    wish = {"dataset_id": dataset["id"], "target": "price", "training": {"epochs": 3}}
    run_id = client.post("/v1/runs", json=wish).json()["id"]
    api.train(run_id)
    return str(client.get(f"/v1/runs/{run_id}").json()["model_id"])


def test_missing_tokens_and_decimals_are_those_of_the_table(
    client: TestClient, model_id: str
) -> None:
    rows = [{"size": None, "colour": "NA"}, {"size": 7.5, "colour": "red"}]
    by_json = _answer(client, model_id, json={"rows": rows})
    csv = "size;colour\n?;NA\n7,5;red\n"
    by_csv = _answer(client, model_id, content=csv, headers={"Content-Type": "text/csv"})
    assert by_csv == by_json
    assert [warning["column"] for warning in by_csv["warnings"]] == ["size"]


def _answer(client: TestClient, model_id: str, **request: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/models/{model_id}/predict", **request)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body
