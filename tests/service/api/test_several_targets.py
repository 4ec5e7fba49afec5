"""Several numbers learned at once, from the wish to the report and the predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api

TARGETS = ["double", "minus"]
TABLE = "x,double,minus\n" + "".join(f"{n * 0.1},{n * 0.2 + 1},{5 - n * 0.1}\n" for n in range(60))


@pytest.fixture(scope="module")
def run(api: Api, client: TestClient) -> dict[str, Any]:
    """A finished run that learned two lines."""
    table = client.post("/v1/datasets", files={"file": ("lines.csv", TABLE.encode())}).json()
    wish = {
        "dataset_id": table["id"],
        "target": TARGETS,
        "network": {"layers": []},
        "training": {
            "epochs": 60,
            "optimizer": {"type": "adam", "learning_rate": 0.1},
            "schedule": {"type": "cosine"},
        },
        "model": "lines",
    }
    answer = client.post("/v1/runs", json=wish)
    assert answer.status_code == 202, answer.text
    api.train(answer.json()["id"])
    found: dict[str, Any] = client.get(f"/v1/runs/{answer.json()['id']}").json()
    assert found["status"] == "succeeded", found
    return found


def test_the_run_and_its_model_name_them(client: TestClient, run: dict[str, Any]) -> None:
    assert run["target"] == run["spec"]["target"] == TARGETS
    assert client.get("/v1/models/lines").json()["target"] == TARGETS
    listed = client.get("/v1/runs", params={"model": "lines"}).json()["data"]
    assert [one["target"] for one in listed] == [TARGETS]


def test_predictions_are_by_target_in_their_own_units(
    client: TestClient, run: dict[str, Any]
) -> None:
    assert run["model_id"]
    rows = {"rows": [{"x": 1.0}, {"x": 4.0}]}
    answer = client.post("/v1/models/lines/predict", json=rows).json()
    first, second = (prediction["values"] for prediction in answer["predictions"])
    assert first == pytest.approx({"double": 3.0, "minus": 4.0}, abs=0.1)
    assert second == pytest.approx({"double": 9.0, "minus": 1.0}, abs=0.1)


def test_the_report_has_the_figures_of_each_and_their_average(
    client: TestClient, run: dict[str, Any]
) -> None:
    report = client.get(f"/v1/runs/{run['id']}/report").json()["validation"]
    assert set(report["targets"]) == set(TARGETS)
    average = sum(report["targets"][name]["rmse"] for name in TARGETS) / 2
    assert report["rmse"] == pytest.approx(average)
    series = client.get(f"/v1/runs/{run['id']}/metrics").json()["series"]
    assert series["val_r2"][-1] > 0.99
