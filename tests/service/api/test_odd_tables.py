"""Tables as people have them go the whole way, and each way to send a row gets the same bits."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api

Row = dict[str, Any]


def _messy() -> list[Row]:
    """Names with quotes, blanks, commas and line ends; nothing, one value, rare classes, codes."""
    return [
        {
            "nothing at all": None,
            'always "the same"': 7,
            "kind,  of it": f"level {n % 100}",
            "free\ntext": f'{n}: said, "she\'s" {n * n}',
            "täglich/~1": f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}",
            "due": f"{n % 28 + 1}/{n % 12 + 1:02}/2024 10:30",
            "is it?": None if n % 5 == 0 else n % 2 == 0,
            "zip": f"{n % 30:05}",
            "size (m²)": None if n % 3 == 0 else n * 0.25,
            "answer": 3 if n < 2 else n % 2,
        }
        for n in range(220)
    ]


def _all_levels() -> list[Row]:
    """Nothing but levels, of which many are missing."""
    return [
        {
            **{f"c{k}": None if (n + k) % 3 == 0 else f"v{(n * k) % 5}" for k in range(6)},
            "answer": "yes" if n % 4 == 0 else "no",
        }
        for n in range(90)
    ]


def _wide() -> list[Row]:
    """More columns than rows, all of numbers."""
    draws = np.random.default_rng(0).normal(size=(30, 80)).tolist()
    return [{f"x{k}": x for k, x in enumerate(row)} | {"answer": sum(row)} for row in draws]


TABLES = {"messy": _messy, "levels": _all_levels, "wide": _wide}


def _csv(rows: list[Row], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        cells = (str(x).lower() if isinstance(x, bool) else x for x in row.values())
        writer.writerow("" if x is None else x for x in cells)
    return text.getvalue()


UPLOADS: dict[str, Callable[[list[Row]], str]] = {
    "csv": _csv,
    "tsv": lambda rows: _csv(rows, "\t"),
    "json": json.dumps,
    "ndjson": lambda rows: "\n".join(map(json.dumps, rows)),
}


def _uploaded(client: TestClient, rows: list[Row], form: str) -> Row:
    answer = client.post("/v1/datasets", files={"file": ("t", UPLOADS[form](rows))})
    assert answer.status_code == 201, answer.text
    dataset: Row = answer.json()
    return dataset


def _trained(client: TestClient, api: Api, dataset_id: str) -> str:
    wish = {"dataset_id": dataset_id, "target": "answer", "seed": 1, "training": {"epochs": 2}}
    run = client.post("/v1/runs", json=wish)
    assert run.status_code == 202, run.text
    api.train(run.json()["id"])
    ended = client.get(f"/v1/runs/{run.json()['id']}").json()
    assert ended["status"] == "succeeded", ended
    return str(ended["model_id"])


def _answers(client: TestClient, model_id: str, **request: Any) -> Any:
    kind = request.pop("kind", None)
    headers = {"Content-Type": kind} if kind else {}
    answer = client.post(f"/v1/models/{model_id}/predict", headers=headers, **request)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_the_same_in_every_format(name: str, client: TestClient) -> None:
    rows = TABLES[name]()
    made = {form: _uploaded(client, rows, form) for form in UPLOADS}
    told = {form: [_told(c) for c in dataset["columns"]] for form, dataset in made.items()}
    assert told == dict.fromkeys(UPLOADS, told["csv"])
    stored = {form: _stored(client, dataset["id"]) for form, dataset in made.items()}
    assert stored == dict.fromkeys(UPLOADS, stored["csv"])


@pytest.mark.parametrize("name", TABLES)
def test_each_way_to_send_a_row_gets_the_same_bits(name: str, client: TestClient, api: Api) -> None:
    rows = TABLES[name]()
    model_id = _trained(client, api, _uploaded(client, rows, "csv")["id"])
    features = [f["name"] for f in client.get(f"/v1/models/{model_id}").json()["features"]]
    asked = [{feature: row[feature] for feature in features} for row in rows]
    inputs = [list(row.values()) for row in asked]
    by_rows = _answers(client, model_id, json={"rows": asked})
    assert len(by_rows) == len(rows)
    assert _answers(client, model_id, json={"inputs": inputs}) == by_rows
    assert _answers(client, model_id, content=_csv(asked).encode(), kind="text/csv") == by_rows
    if name == "wide":
        array = io.BytesIO()
        np.save(array, np.array(inputs))
        npy = _answers(client, model_id, content=array.getvalue(), kind="application/x-npy")
        assert npy == by_rows


def _stored(client: TestClient, dataset_id: str) -> list[Row]:
    rows: list[Row] = client.get(f"/v1/datasets/{dataset_id}/rows?limit=500").json()["rows"]
    return rows


def _told(column: Row) -> Row:
    return {key: column[key] for key in ("name", "type", "missing", "distinct", "min", "max")}
