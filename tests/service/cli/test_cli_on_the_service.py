"""The command on the real service, found by its state folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.service.cli.conftest import Slope


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("cli") / "var", {"SLOPE_WORKER_PROCESSES": "1"})
    yield service
    service.close()


@pytest.fixture
def here(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOPE_STATE_DIR", str(service.state_dir))
    monkeypatch.setenv("SLOPE_PORT", str(service.port))
    monkeypatch.delenv("SLOPE_URL", raising=False)


@pytest.mark.usefixtures("here")
def test_from_a_file_to_a_prediction(slope: Slope, tmp_path: Path) -> None:
    path = tmp_path / "line.csv"
    path.write_text("x,y\n" + "".join(f"{x},{2 * x + 1}\n" for x in range(100)))
    options = "--target y --network [] --epochs 300 --learning-rate 0.05 --seed 1 --name line"
    trained = slope("train", str(path), *options.split())
    assert trained.code == 0, trained.err
    assert "slope predict line FILE" in trained.out
    assert "val_r2" in trained.err

    (run,) = slope("runs", "--json").json()
    assert (run["status"], run["seed"]) == ("succeeded", 1)
    assert slope("watch", run["id"]).code == 0
    assert run["model_id"] in slope("models").out

    assert "agree" in slope("trace", run["dataset_id"], "--target", "y", "--network", "4,4").out
    assert "agree" in slope("trace", run["best"]["checkpoint_id"], "--row", "5").out

    by_row = slope("predict", "line", "--row", "x=10", "--json").json()
    assert by_row["predictions"][0]["value"] == pytest.approx(21.0, rel=0.01)
    new = tmp_path / "new.csv"
    new.write_text("x\n" + "".join(f"{x}\n" for x in range(100)))
    by_file = slope("predict", "line:1", str(new), "--json").json()
    assert len(by_file["predictions"]) == 100
    assert by_file["predictions"][10] == by_row["predictions"][0]

    # The table that trained still holds the truth, which no prediction reads.
    with_truth = slope("predict", "line", str(path))
    assert with_truth.code == 0
    assert with_truth.err.splitlines()[-1] == "row 0, y: target ignored"
    assert (
        slope("predict", "line", str(path), "--json").json()["predictions"]
        == by_file["predictions"]
    )
    path.write_text("x,z\n1,2\n")
    refused = slope("predict", "line", str(path))
    assert refused.code == 4
    assert "/columns/z" in refused.err
    assert slope("runs", "get", "run_unknown").code == 4
    assert slope("train", str(path), "--target", "nothing").code == 4
    assert slope("--api-key", "slope_wrong", "runs").code == 4
