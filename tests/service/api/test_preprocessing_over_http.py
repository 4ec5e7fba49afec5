"""Preprocessing as an object of a run: resolved, trained, predicted with, refused by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api

TABLE = "x,day,town,y\n" + "".join(
    f"{n * 0.1:.1f},2024-{1 + n % 12:02}-01,{'ab'[n % 2]},{n * 0.2 + 1:.1f}\n" for n in range(60)
)
WISH: dict[str, Any] = {
    "numeric": {"scaling": "robust", "clip": True, "encoding": "piecewise_linear", "bins": 8},
    "categorical": {"min_count": 2},
    "datetime": {"parts": ["month"]},
    "columns": {"x": {"scaling": "quantile"}},
}


@pytest.fixture(scope="module")
def table_id(client: TestClient) -> str:
    answer = client.post("/v1/datasets", files={"file": ("days.csv", TABLE.encode())})
    found: str = answer.json()["id"]
    return found


def ask(client: TestClient, table_id: str, preprocessing: Any) -> Any:
    wish = {
        "dataset_id": table_id,
        "target": "y",
        "preprocessing": preprocessing,
        "training": {"epochs": 2},
        "model": "days",
    }
    return client.post("/v1/runs", json=wish)


def test_a_run_says_trains_and_predicts_by_its_object(
    api: Api, client: TestClient, table_id: str
) -> None:
    answer = ask(client, table_id, WISH)
    assert answer.status_code == 202, answer.text
    resolved = answer.json()["spec"]["preprocessing"]
    assert resolved["numeric"] == {**WISH["numeric"], "missing_indicator": True}
    assert resolved["datetime"] == {"parts": ["month"], "cyclic": True, "differences": False}
    assert resolved["columns"]["x"]["scaling"] == "quantile"
    api.train(answer.json()["id"])
    run = client.get(f"/v1/runs/{answer.json()['id']}").json()
    assert run["status"] == "succeeded", run
    assert run["spec"]["preprocessing"] == resolved
    rows = {"rows": [{"x": 1.0, "day": "2024-03-01", "town": "a"}]}
    predicted = client.post("/v1/models/days/predict", json=rows)
    assert predicted.status_code == 200, predicted.text
    assert client.get(f"/v1/runs/{run['id']}/report").status_code == 200
    again = ask(client, table_id, resolved)
    assert again.json()["spec"]["preprocessing"] == resolved


@pytest.mark.parametrize("name", ["standard", "none"])
def test_a_name_stays_a_name(client: TestClient, name: str) -> None:
    table = client.post("/v1/datasets", files={"file": ("n.csv", b"x,y\n1,2\n2,3\n3,5\n4,6\n")})
    answer = ask(client, table.json()["id"], name)
    assert answer.json()["spec"]["preprocessing"] == name


@pytest.mark.parametrize(
    ("preprocessing", "pointer", "code", "limit"),
    [
        ("robust", "", "unknown_value", None),
        (3, "", "object_expected", None),
        ({"numeric": {"scaling": "rank"}}, "/numeric/scaling", "unknown_value", None),
        ({"numeric": {"bins": 1}}, "/numeric/bins", "out_of_range", 2),
        ({"numeric": {"bins": 257}}, "/numeric/bins", "out_of_range", 256),
        ({"numeric": {"clip": 1}}, "/numeric/clip", "boolean_expected", None),
        ({"numbers": {}}, "/numbers", "extra_forbidden", None),
        ({"categorical": {"max_levels": 0}}, "/categorical/max_levels", "out_of_range", 1),
        ({"datetime": {"parts": ["minute"]}}, "/datetime/parts/0", "unknown_value", None),
        ({"columns": {"x": {"bins": 999}}}, "/columns/x/bins", "out_of_range", 256),
        ({"columns": {"nowhere": {}}}, "/columns/nowhere", "unknown_column", None),
        ({"columns": {"town": {"clip": True}}}, "/columns/town/clip", "feature_type", None),
    ],
)
def test_what_is_wrong_is_named_with_its_limit(
    client: TestClient, table_id: str, preprocessing: Any, pointer: str, code: str, limit: Any
) -> None:
    answer = ask(client, table_id, preprocessing)
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    found = (error["pointer"], error["code"], error.get("limit"))
    assert found == (f"/preprocessing{pointer}", code, limit)
    assert error["detail"]


def test_the_catalogue_has_every_field_with_its_range(client: TestClient) -> None:
    entries = {e["name"]: e for e in client.get("/v1/catalog/preprocessing").json()["data"]}
    fields = {p["name"]: p for p in entries["numeric"]["parameters"]}
    assert (fields["bins"]["minimum"], fields["bins"]["maximum"]) == (2, 256)
    assert fields["scaling"]["choices"] == ["standard", "robust", "quantile", "none"]
    assert "sqrt" in entries["smooth_clip"]["formula"]
