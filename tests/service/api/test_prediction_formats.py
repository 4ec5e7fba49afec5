"""The same rows get the same bits as CSV, JSON rows, JSON arrays and NPY."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api

# Missing, far out of range, negative zero, the smallest number, one that no decimal text ends.
NASTY: list[list[float | None]] = [
    [1.5, None],
    [1e300, -0.0],
    [5e-324, 0.1],
    [None, None],
    [1 / 3, -7.0],
]
CSV = {"Content-Type": "text/csv"}
NPY = {"Content-Type": "application/x-npy"}


@pytest.fixture(scope="module")
def model_id(api: Api, client: TestClient) -> str:
    rows = [{"x0": n * 0.25, 'the "y"': n % 7, "price": n * 1.5} for n in range(60)]
    file = ("t.ndjson", "\n".join(map(json.dumps, rows)))
    dataset = client.post("/v1/datasets", files={"file": file}).json()
    assert dataset["format"] == "ndjson"
    wish = {"dataset_id": dataset["id"], "target": "price", "training": {"epochs": 3}}
    run_id = client.post("/v1/runs", json=wish).json()["id"]
    api.train(run_id)
    return str(client.get(f"/v1/runs/{run_id}").json()["model_id"])


def test_every_format_gives_the_same_bits(client: TestClient, model_id: str) -> None:
    names = ["x0", 'the "y"']
    by_rows = _answer(
        client, model_id, json={"rows": [dict(zip(names, r, strict=True)) for r in NASTY]}
    )
    by_inputs = _answer(client, model_id, json={"inputs": NASTY})
    cells = "".join(",".join("" if c is None else repr(c) for c in r) + "\n" for r in NASTY)
    by_csv = _answer(client, model_id, content=f'x0,"the ""y"""\n{cells}', headers=CSV)
    by_npy = _answer(client, model_id, content=_npy(np.array(NASTY, np.float64)), headers=NPY)
    by_columns = np.asfortranarray(np.array(NASTY, ">f8"))
    assert by_rows == by_inputs == by_csv == by_npy
    assert _answer(client, model_id, content=_npy(by_columns), headers=NPY) == by_rows
    assert {warning["code"] for warning in by_rows["warnings"]} == {"imputed", "out_of_range"}


def test_csv_may_still_hold_the_target(client: TestClient, model_id: str) -> None:
    without = _answer(client, model_id, content='x0,"the ""y"""\n1,2\n', headers=CSV)
    content = 'price,x0,"the ""y"""\nfree,1,2\n'
    with_target = _answer(client, model_id, content=content, headers=CSV)
    assert with_target["predictions"] == without["predictions"]
    ignored = {"row": 0, "column": "price", "code": "target_ignored", "used": None}
    assert with_target["warnings"] == [ignored, *without["warnings"]]


@pytest.fixture(scope="module")
def messy(api: Api, client: TestClient) -> tuple[str, str, str]:
    """A table of which most columns say nothing; its text, its dataset and a model of it."""
    lines = [f"P{n:03d},{n % 9},,same,{n * 1.5}" for n in range(60)]
    text = "\n".join(["patient id,dose,empty,constant,price", *lines])
    dataset = client.post("/v1/datasets", files={"file": ("t.csv", text)}).json()
    wish = {"dataset_id": dataset["id"], "target": "price", "training": {"epochs": 3}}
    run = client.post("/v1/runs", json=wish).json()
    assert run["spec"]["features"] == ["dose"]
    api.train(run["id"])
    return text, str(dataset["id"]), str(client.get(f"/v1/runs/{run['id']}").json()["model_id"])


IGNORED = [
    ("price", "target_ignored"),
    ("patient id", "column_ignored"),
    ("empty", "column_ignored"),
    ("constant", "column_ignored"),
]


def test_the_very_file_that_trained_a_model_is_predicted(
    client: TestClient, messy: tuple[str, str, str]
) -> None:
    text, dataset_id, model_id = messy
    doses = [{"dose": n % 9} for n in range(60)]
    alone = _answer(client, model_id, json={"rows": doses})
    by_csv = _answer(client, model_id, content=text, headers=CSV)
    rows = client.get(f"/v1/datasets/{dataset_id}/rows?limit=60").json()["rows"]
    by_rows = _answer(client, model_id, json={"rows": rows})
    assert by_csv["predictions"] == by_rows["predictions"] == alone["predictions"]
    for answer in (by_csv, by_rows):
        assert {(w["column"], w["code"]) for w in answer["warnings"]} == set(IGNORED)
        assert len(answer["warnings"]) == len(IGNORED)
    assert alone["warnings"] == []


def test_a_column_that_no_table_had_is_refused_beside_those_that_are_ignored(
    client: TestClient, messy: tuple[str, str, str]
) -> None:
    row = {"dose": 1, "constant": "same", "Dose": 1}
    answer = client.post(f"/v1/models/{messy[2]}/predict", json={"rows": [row]})
    assert answer.status_code == 422
    found = [(error["pointer"], error["code"]) for error in answer.json()["errors"]]
    assert found == [("/rows/0/Dose", "unknown_feature")]


def test_missing_and_unknown_columns_are_named(client: TestClient, model_id: str) -> None:
    answer = client.post(f"/v1/models/{model_id}/predict", content="x0,z\n1,2\n", headers=CSV)
    assert answer.status_code == 422
    found = {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
    assert found == {('/columns/the "y"', "missing_feature"), ("/columns/z", "unknown_feature")}


@pytest.mark.parametrize(
    ("array", "status", "code"),
    [
        (np.zeros((2, 3)), 422, "rows_width"),
        (np.array([["a", "b"]]), 422, "dtype_unsupported"),
        (np.array([[1.0, np.inf]]), 422, "not_finite"),
        (np.zeros((0, 2)), 422, "dataset_empty"),
        (np.array([[{}, 1]], object), 415, "pickle_forbidden"),
    ],
)
def test_an_array_that_is_none_is_refused(
    client: TestClient, model_id: str, array: Any, status: int, code: str
) -> None:
    path = f"/v1/models/{model_id}/predict"
    answer = client.post(path, content=_npy(array), headers=NPY)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _answer(client: TestClient, model_id: str, **request: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/models/{model_id}/predict", **request)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body
