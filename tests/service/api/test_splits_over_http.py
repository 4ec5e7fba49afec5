"""Splits by a column: divided, trained, reported, predicted with, continued, refused by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api

TABLE = "x,who,part,y\n" + "".join(
    f"{n * 0.1:.1f},p{n // 6},{('train', 'Train', 'val', 'test')[n % 4]},{n * 0.2 + 1:.1f}\n"
    for n in range(60)
)


@pytest.fixture(scope="module")
def table_id(client: TestClient) -> str:
    answer = client.post("/v1/datasets", files={"file": ("visits.csv", TABLE.encode())})
    found: str = answer.json()["id"]
    return found


def ask(client: TestClient, table_id: str, split: Any, **others: Any) -> Any:
    wish = {
        "dataset_id": table_id,
        "target": "y",
        "split": split,
        "network": "linear",
        "training": {"epochs": 2},
        "model": "visits",
    }
    return client.post("/v1/runs", json=wish | others)


def ended(api: Api, client: TestClient, answer: Any) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    api.train(answer.json()["id"])
    run: dict[str, Any] = client.get(f"/v1/runs/{answer.json()['id']}").json()
    assert run["status"] == "succeeded", run
    return run


@pytest.mark.parametrize(
    ("split", "resolved", "rows"),
    [
        (
            {"method": "group", "column": "who", "validation": 0.2, "test": 0.1},
            {"validation": 0.2, "test": 0.1},
            {"train": 42, "validation": 12, "test": 6},
        ),
        (
            {"method": "column", "column": "part"},
            {"validation": 0.25, "test": 0.25},
            {"train": 30, "validation": 15, "test": 15},
        ),
    ],
)
def test_a_column_divides_the_rows_of_a_run(
    api: Api,
    client: TestClient,
    table_id: str,
    split: dict[str, Any],
    resolved: dict[str, float],
    rows: dict[str, int],
) -> None:
    run = ended(api, client, ask(client, table_id, split))
    assert run["spec"]["split"] == {
        **resolved,
        "method": split["method"],
        "column": split["column"],
    }
    assert split["column"] not in run["spec"]["features"]
    report = client.get(f"/v1/runs/{run['id']}/report").json()
    assert {part: report["rows"][part] for part in rows} == rows
    events = client.get(f"/v1/runs/{run['id']}/events").json()["data"]
    assert "The column divides the rows into parts: it is not a feature." in str(events)
    row = {"x": 1.0, "part": "train"} if split["method"] == "group" else {"x": 1.0, "who": "p1"}
    answer = client.post("/v1/models/visits/predict", json={"rows": [row]})
    assert answer.status_code == 200, answer.text
    again = ended(api, client, ask(client, table_id, run["spec"]["split"]))
    assert again["weights_sha256"] == run["weights_sha256"]


def test_a_run_goes_on_with_its_parents_split(api: Api, client: TestClient, table_id: str) -> None:
    split = {"method": "group", "column": "who"}
    run = ended(api, client, ask(client, table_id, split))
    found = client.get(f"/v1/runs/{run['id']}/checkpoints").json()["data"]
    checkpoint_id = next(c["id"] for c in found if c["kind"] == "final")
    on = {"parent": {"checkpoint_id": checkpoint_id, "mode": "continue"}, "training": {"epochs": 4}}
    longer = ended(api, client, client.post("/v1/runs", json=on))
    assert longer["spec"]["split"] == run["spec"]["split"]
    parent = {"checkpoint_id": checkpoint_id, "mode": "warm_start"}
    other = {"parent": parent, "split": {"method": "random"}}
    started = ended(api, client, client.post("/v1/runs", json=other))
    assert (started["spec"]["split"]["method"], started["spec"]["split"]["column"]) == (
        "random",
        None,
    )


def test_a_refusal_names_the_words_that_say_no_part(client: TestClient, table_id: str) -> None:
    answer = ask(client, table_id, {"method": "column", "column": "who"})
    assert answer.status_code == 422
    [problem] = answer.json()["errors"]
    assert (problem["pointer"], problem["code"]) == ("/split/column", "unknown_part")
    assert '"p0" in 6 rows' in problem["detail"]
