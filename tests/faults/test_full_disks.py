"""A database that cannot write any more: runs wait for room, and no half of a model is there."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import select, text

from service.store import migrate
from service.store.tables import ModelRow, RunRow
from tests.faults.service import FaultyService, wish_for
from tests.faults.undisturbed import Undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.postgres import PostgresServer
    from tests.servers.redis import RedisServer

_SETTINGS = {"SLOPE_LEASE_SECONDS": "3", "SLOPE_WORKER_PROCESSES": "1"}
_N_REFUSED = 3


class Disk(Protocol):
    """Where the database is."""

    def fill(self) -> None:
        """Let nobody write into the database."""

    def clear(self) -> None:
        """Let everybody write again."""


class SqliteDisk:
    """Limits the files of every process of the service: their writes end in the middle."""

    def __init__(self, service: FaultyService) -> None:
        self._service = service

    def fill(self) -> None:
        # Less than a page with the log's head: no transaction fits.
        self._limit(4096)

    def clear(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, n_bytes: int) -> None:
        for process in self._service.processes():
            process.rlimit(psutil.RLIMIT_FSIZE, (n_bytes, resource.RLIM_INFINITY))


class PostgresDisk:
    """Lets PostgreSQL say what it says when it cannot make its files longer."""

    _FILL = (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON runs EXECUTE FUNCTION refuse()",
    )
    _CLEAR = ("DROP TRIGGER full_disk ON runs",)

    def __init__(self, service: FaultyService) -> None:
        self._service = service

    def fill(self) -> None:
        self._execute(self._FILL)

    def clear(self) -> None:
        self._execute(self._CLEAR)

    def _execute(self, statements: tuple[str, ...]) -> None:
        with self._service.sessions.begin() as session:
            for statement in statements:
                session.execute(text(statement))


DATABASES = [
    pytest.param(name, marks=pytest.mark.xdist_group(f"full-{name}"))
    for name in ("sqlite", "postgresql")
]


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def service(
    database: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultyService]:
    """A service on each database in turn."""
    settings = dict(_SETTINGS)
    if database == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        redis: RedisServer = request.getfixturevalue("redis")
        settings["SLOPE_REDIS_URL"] = redis.url
        settings["SLOPE_DATABASE_URL"] = postgres.create(f"slope_{uuid4().hex}")
        migrate.upgrade(settings["SLOPE_DATABASE_URL"])
    it = FaultyService(tmp_path_factory.mktemp("full") / "var", settings)
    yield it
    it.close()


@pytest.fixture
def disk(database: str, service: FaultyService) -> Disk:
    """Where its database is."""
    return SqliteDisk(service) if database == "sqlite" else PostgresDisk(service)


def test_a_full_disk_holds_a_run_up_and_leaves_no_partial_model(
    service: FaultyService, disk: Disk
) -> None:
    undisturbed = Undisturbed(service)
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_held("6-inside")
    disk.fill()
    service.release("6-inside")
    for _ in range(_N_REFUSED):
        answer = service.client.post("/v1/runs", json=wish_for(undisturbed.dataset_id))
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    with service.sessions.read() as session:
        assert session.get_one(RunRow, run_id).status == "running"
        models = select(ModelRow.id).where(ModelRow.run_id == run_id)
        assert session.scalar(models) is None
    disk.clear()
    undisturbed.check(run_id, faults=1)
    assert service.logs.unexplained() == []
