"""Splits by a column: divided, trained, reported, predicted with, continued, refused by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from service.cli.report_summary import report_summary

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


def written(part: Any) -> list[str]:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(part)
    return captured.get().splitlines()


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
        "folds": None,
    }
    assert split["column"] not in run["spec"]["features"]
    report = client.get(f"/v1/runs/{run['id']}/report").json()
    assert {part: report["rows"][part] for part in rows} == rows
    events = client.get(f"/v1/runs/{run['id']}/events").json()["data"]
    assert "The column divides the rows into parts: it is not a feature." in str(events)
    row = {"x": 1.0, "part": "train"} if split["method"] == "group" else {"x": 1.0, "who": "p1"}
    # By its id: a name may stand for the version before for a moment.
    answer = client.post(f"/v1/models/{run['model_id']}/predict", json={"rows": [row]})
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


def test_a_report_has_the_folds_their_mean_and_their_deviation(
    api: Api, client: TestClient, table_id: str
) -> None:
    split = {"method": "group", "column": "who", "folds": 5}
    run = ended(api, client, ask(client, table_id, split))
    assert run["spec"]["split"]["folds"] == 5
    report = client.get(f"/v1/runs/{run['id']}/report").json()
    found = report["cross_validation"]
    assert [fold["rows"]["held_out"] for fold in found["folds"]] == [12] * 5
    assert set(found["mean"]) == set(found["std"]) == set(found["folds"][0]["figures"])
    assert {"r2", "rmse", "mae"} <= set(found["mean"])
    lines = [line for part in report_summary(report) for line in written(part)]
    assert any(line.split()[:1] == ["mean"] for line in lines)


def test_folds_that_no_table_has_the_groups_for_are_refused(
    client: TestClient, table_id: str
) -> None:
    answer = ask(client, table_id, {"method": "group", "column": "who", "folds": 11})
    assert answer.status_code == 422
    [problem] = answer.json()["errors"]
    assert (problem["pointer"], problem["limit"]) == ("/split/folds", 10)
    assert problem["detail"] == "11 folds need 11 groups, and at most 10 do not test."
