"""One service for each database, which every test of these disturbs and leaves undisturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from service.store import migrate
from tests.faults.service import FaultyService
from tests.faults.undisturbed import Undisturbed
from tests.servers.redis import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.postgres import PostgresServer

LEASE_S = 2.0
_SETTINGS = {
    "SLOPE_LEASE_SECONDS": str(LEASE_S),
    "SLOPE_WORKER_PROCESSES": "2",
    # A run may take twice its estimate's limit; without a limit the machine itself would be tried.
    "SLOPE_LIMIT_RUN_MEMORY_BYTES": str(256 * 2**20),
    # The tests look often.
    "SLOPE_LIMIT_REQUESTS_PER_SECOND": "1000",
    "SLOPE_LIMIT_REQUEST_BURST": "1000",
}

DATABASES = [
    # One pytest process per database, or each would start a service of its own.
    pytest.param(name, marks=pytest.mark.xdist_group(f"faults-{name}"))
    for name in ("sqlite", "postgresql")
]


@pytest.fixture(scope="package", params=DATABASES)
def environ(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings of a service on each database in turn."""
    if request.param == "sqlite":
        yield _SETTINGS
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    url = postgres.create(f"slope_{uuid4().hex}")
    migrate.upgrade(url)
    redis = RedisServer()
    yield {**_SETTINGS, "SLOPE_DATABASE_URL": url, "SLOPE_REDIS_URL": redis.url}
    redis.close()


@pytest.fixture(scope="package")
def running(
    environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultyService]:
    """The service that all tests of a database share."""
    it = FaultyService(tmp_path_factory.mktemp("faults") / "var", environ)
    yield it
    it.close()


@pytest.fixture(scope="package")
def undisturbed(running: FaultyService) -> Undisturbed:
    """The run that nothing happened to."""
    return Undisturbed(running)


@pytest.fixture
def explained() -> list[str]:
    """Words of the errors that a test expects in the logs, for it to add to."""
    return []


@pytest.fixture
def service(running: FaultyService, explained: list[str]) -> Iterator[FaultyService]:
    """The service; checked afterwards for runs that never end and errors that nothing explains."""
    known = set(running.logs.unexplained())
    yield running
    running.calm()
    running.await_that(running.is_ready, bool)
    running.await_that(running.unfinished, lambda left: left == [], timeout_s=60.0)
    errors = set(running.logs.unexplained()) - known
    assert {e for e in errors if not any(words in e for words in explained)} == set()
