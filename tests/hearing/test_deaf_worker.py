"""A worker that lives and takes no bell any more: found out, ended, started anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE = "x,y\n" + "".join(f"{i},{2 * i}\n" for i in range(40))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    environ = {"DEAF_FILE": str(tmp_path / "deaf"), "SLOPE_WORKER_PROCESSES": "1"}
    it = Service(tmp_path / "var", environ, module="tests.hearing.supervisor")
    yield it
    it.close()


def post_run(service: Service, dataset_id: str) -> str:
    wish = {"dataset_id": dataset_id, "target": "y", "training": {"epochs": 2}}
    answer = service.client.post("/v1/runs", json=wish).raise_for_status()
    return str(answer.json()["id"])


def test_a_worker_that_went_deaf_is_started_anew_and_trains_what_hung(
    service: Service, tmp_path: Path
) -> None:
    upload = service.client.post("/v1/datasets", files={"file": ("line.csv", LINE)})
    dataset_id = upload.raise_for_status().json()["id"]
    service.await_run(post_run(service, dataset_id), "succeeded")
    deaf = service.pid("worker")
    (tmp_path / "deaf").touch()
    # The first is still taken: its worker was listening when it went deaf.
    runs = [post_run(service, dataset_id) for _ in range(3)]
    for run_id in runs:
        service.await_run(run_id, "succeeded")
    assert service.pid("worker") != deaf
    log = (service.state_dir / "logs" / "worker.log").read_text()
    assert "this worker hears none" in log
    [worker] = service.client.get("/v1/status").raise_for_status().json()["workers"]
    assert not worker["deaf"]
