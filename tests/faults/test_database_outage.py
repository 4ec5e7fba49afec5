"""A database that goes away under a training and comes back: the training waits and goes on."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from service.store import migrate
from tests.faults.service import FaultyService
from tests.servers.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.redis import RedisServer


@pytest.fixture
def database() -> Iterator[PostgresServer]:
    """A PostgreSQL of the test's own, to be stopped."""
    it = PostgresServer()
    yield it
    it.close()


@pytest.fixture
def service(
    database: PostgresServer, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultyService]:
    url = database.create("slope")
    migrate.upgrade(url)
    settings = {"SLOPE_DATABASE_URL": url, "SLOPE_REDIS_URL": redis.url}
    it = FaultyService(tmp_path_factory.mktemp("outage") / "var", settings)
    yield it
    it.close()


def test_a_training_outlives_a_crash_of_its_database(
    service: FaultyService, database: PostgresServer
) -> None:
    dataset_id = service.upload()
    undisturbed = service.await_run(service.start_run(dataset_id), "succeeded", "failed")
    service.hold("6-inside")
    run_id = service.start_run(dataset_id)
    service.await_held("6-inside")
    database.stop(signal.SIGQUIT)
    service.release("6-inside")
    answer = service.client.get(f"/v1/runs/{run_id}")
    assert answer.status_code == 503
    assert float(answer.headers["retry-after"]) > 0
    database.start()
    service.await_that(service.is_ready, bool)
    run = service.await_run(run_id, "succeeded", "failed")
    assert (run["status"], run["attempt"]) == ("succeeded", 1)
    assert run["weights_sha256"] == undisturbed["weights_sha256"]
    assert service.metrics(run_id) == service.metrics(undisturbed["id"])
