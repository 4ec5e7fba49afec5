"""Deriving a dataset reads columns as other types, from what is stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api

TABLE = "zip;size;day;open;note\n" + "".join(
    f"0{n % 3}1;{'?' if n == 2 else f'{n},5'};2024-01-{n + 1:02};{bool(n % 2)};x{n}\n".lower()
    for n in range(30)
)
SCHEMA = {"size": {"missing": ["?"]}, "note": {"type": "ignore"}, "zip": {"type": "numeric"}}


@pytest.fixture
def parent(client: TestClient) -> dict[str, Any]:
    form = {"schema": json.dumps(SCHEMA), "parse": json.dumps({"delimiter": ";"})}
    made = client.post("/v1/datasets", files={"file": ("t.csv", TABLE)}, data=form)
    return _created(made)


def test_the_named_columns_change_and_the_others_stay(
    client: TestClient, parent: dict[str, Any]
) -> None:
    wish = {name: {"type": "categorical"} for name in ("zip", "size", "day", "open")}
    derived = _derived(client, parent, wish)
    assert (derived["parent_id"], derived["sha256"]) == (parent["id"], parent["sha256"])
    assert (derived["format"], derived["name"]) == (parent["format"], parent["name"])
    assert _column(derived, "note") == _column(parent, "note")
    assert {c["type"] for c in derived["columns"]} == {"categorical", "ignore"}
    rows = client.get(f"/v1/datasets/{derived['id']}/rows?limit=3").json()["rows"]
    assert rows[1] == {
        "zip": "11",
        "size": "1.5",
        "day": "2024-01-02",
        "open": "true",
        "note": "x1",
    }
    assert rows[2]["size"] is None
    assert client.get(f"/v1/datasets/{parent['id']}").json() == parent


def test_text_can_become_numbers_again(client: TestClient, parent: dict[str, Any]) -> None:
    derived = _derived(client, parent, {"zip": {"type": "categorical"}})
    again = _derived(client, derived, {"zip": {"type": "numeric"}})
    assert again["parent_id"] == derived["id"]
    assert _column(again, "zip") == _column(parent, "zip")


def test_dates_get_the_order_that_only_their_owner_knows(client: TestClient, api: Api) -> None:
    rows = [{"day": f"05/{n + 1:02}/2024", "due": f"{n + 9}/05/2024", "y": n} for n in range(12)]
    parent = _created(client.post("/v1/datasets", files={"file": ("t.json", json.dumps(rows))}))
    assert [_column(parent, name)["type"] for name in ("day", "due")] == ["categorical", "datetime"]
    (warning,) = parent["warnings"]
    assert (warning["code"], warning["column"]) == ("unread_dates", "day")
    derived = _derived(client, parent, {"day": {"dates": "month_first"}})
    assert (_column(derived, "day")["type"], derived["warnings"]) == ("datetime", [])
    stored = client.get(f"/v1/datasets/{derived['id']}/rows?limit=2").json()["rows"][1]
    assert stored["day"] == "2024-05-02T00:00:00.000Z"
    assert _column(derived, "due") == _column(parent, "due")
    wish = {"dataset_id": derived["id"], "target": "y", "network": "linear"}
    run = client.post("/v1/runs", json={**wish, "training": {"epochs": 1}}).json()
    api.train(run["id"])
    model_id = client.get(f"/v1/runs/{run['id']}").json()["model_id"]

    def answer(day: str, due: str) -> Any:
        rows = {"rows": [{"day": day, "due": due}]}
        return client.post(f"/v1/models/{model_id}/predict", json=rows).json()

    assert answer("05/03/2024", "11/05/2024") == answer("2024-05-03", "2024-05-11")
    # Neither is a date in the order of its column.
    problems = answer("31/05/2024", "05/31/2024")["errors"]
    assert [problem["code"] for problem in problems] == ["not_a_datetime"] * 2
    assert "05/31/2024" in problems[0]["detail"]


def test_what_is_not_of_the_wished_type_is_named(
    client: TestClient, parent: dict[str, Any]
) -> None:
    path = f"/v1/datasets/{parent['id']}/derive"
    answer = client.post(path, json={"schema": {"note": {"type": "numeric"}}})
    problem = answer.json()["errors"][0]
    assert (answer.status_code, problem["code"]) == (422, "bad_number")
    assert "Row 1" in problem["detail"]
    assert "note" in problem["detail"]
    unknown = client.post(path, json={"schema": {"height": {"type": "numeric"}}})
    assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (422, "unknown_column")
    assert client.post(path, json={"schema": {}}).status_code == 422


def test_there_must_be_a_parent(client: TestClient, parent: dict[str, Any]) -> None:
    client.delete(f"/v1/datasets/{parent['id']}")
    wish = {"schema": {"zip": {"type": "text"}}}
    assert client.post(f"/v1/datasets/{parent['id']}/derive", json=wish).status_code == 404


def _derived(client: TestClient, parent: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return _created(client.post(f"/v1/datasets/{parent['id']}/derive", json={"schema": schema}))


def _created(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _column(dataset: dict[str, Any], name: str) -> dict[str, Any]:
    return next(column for column in dataset["columns"] if column["name"] == name)
