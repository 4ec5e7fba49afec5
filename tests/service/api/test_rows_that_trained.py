"""The rows that trained a model are predicted as they trained it, in whichever form they come."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api

CSV = {"Content-Type": "text/csv"}
LEVELS = ("None", "low", "", "high", "NA", "mid")

ROWS: list[dict[str, Any]] = [
    {
        "lab": LEVELS[n % 6],
        "dose": str(n % 7 / 2),
        "kept": "true" if n % 3 else "false",
        "day": f"2024-05-{n % 28 + 1:02}" if n % 10 else "NULL",
        "code": f"{n % 5}.0",
        "price": n % 6 * 1.5 + n % 7,
    }
    for n in range(80)
]
FEATURES = [name for name in ROWS[0] if name != "price"]
TYPED = ("dose", "kept", "code")


@pytest.fixture(scope="module")
def models(api: Api, client: TestClient) -> list[str]:
    """Of the rows as NDJSON, as CSV, and of either with a column read otherwise afterwards."""
    ndjson = "\n".join(map(json.dumps, ROWS))
    csv = "\n".join([",".join(ROWS[0]), *(",".join(map(str, row.values())) for row in ROWS)])
    found = []
    for name, text in (("t.ndjson", ndjson), ("t.csv", csv)):
        dataset = client.post("/v1/datasets", files={"file": (name, text)}).json()
        schema = {"schema": {"code": {"type": "categorical"}}}
        derived = client.post(f"/v1/datasets/{dataset['id']}/derive", json=schema).json()
        found += [_model(api, client, each["id"]) for each in (dataset, derived)]
    return found


def _model(api: Api, client: TestClient, dataset_id: str) -> str:
    wish = {"dataset_id": dataset_id, "target": "price", "training": {"epochs": 3}}
    run = client.post("/v1/runs", json=wish).json()
    api.train(run["id"])
    return str(client.get(f"/v1/runs/{run['id']}").json()["model_id"])


@pytest.mark.parametrize("place", range(4))
def test_they_are_the_same_as_objects_arrays_and_csv(
    client: TestClient, models: list[str], place: int
) -> None:
    rows = [{name: row[name] for name in FEATURES} for row in ROWS]
    lines = [",".join(FEATURES), *(",".join(row.values()) for row in rows)]
    by_csv = _answer(client, models[place], content="\n".join(lines) + "\n", headers=CSV)
    # The text of CSV is no text among typed values: there, these are wanted.
    typed = [row | {name: json.loads(row[name]) for name in TYPED} for row in rows]
    for wanted in (typed, rows) if place < 2 else (typed,):
        by_rows = _answer(client, models[place], json={"rows": wanted})
        inputs = [list(row.values()) for row in wanted]
        assert by_rows == _answer(client, models[place], json={"inputs": inputs}) == by_csv
    assert {warning["code"] for warning in by_csv["warnings"]} == {"imputed"}


@pytest.mark.parametrize("place", [1, 3])
def test_a_level_that_is_a_number_is_one_however_it_is_written(
    client: TestClient, models: list[str], place: int
) -> None:
    row = {name: ROWS[1][name] for name in FEATURES}
    row |= {name: json.loads(row[name]) for name in TYPED}
    rows = [row | {"code": code} for code in (4, 4.0, "4", "4.0", "4.00")]
    answer = _answer(client, models[place], json={"rows": rows})
    assert len({json.dumps(said) for said in answer["predictions"]}) == 1
    assert answer["warnings"] == []


def _answer(client: TestClient, model_id: str, **request: Any) -> Any:
    answer = client.post(f"/v1/models/{model_id}/predict", **request)
    assert answer.status_code == 200, answer.text
    return answer.json()
