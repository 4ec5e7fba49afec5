"""Fixtures of all tests: fresh databases and the private servers behind them.

Every pytest process starts its own servers, so that xdist's workers share nothing.
"""

from __future__ import annotations

import os

# Bits depend on the number of BLAS threads, and NumPy reads it when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import shutil
import signal
from typing import TYPE_CHECKING

import pytest
from _pytest.nodeid import NodeId

from service.store import migrate
from service.store.db import Sessions, make_engine
from service.store.tables import Base
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.servers.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# A shell that starts the suite in its background has it ignore Ctrl-C, and so would every process
# that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of an `xdist_group` in one pytest process.

    pytest-xdist 3.8 appends the group to where pytest before 9.2 kept an item's id.
    """
    for item in items:
        grouped = vars(item).get("_nodeid")
        if grouped is not None:
            item._id = NodeId.parse(grouped)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A private PostgreSQL; tests that disturb it leave it running."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres_database(postgres: PostgresServer) -> str:
    """The name of a migrated database that the tests of a process share."""
    name = "slope"
    migrate.upgrade(postgres.create(name))
    return name


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A private Redis; tests that disturb it leave it running."""
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def redis(redis_server: RedisServer) -> RedisServer:
    """The private Redis, empty."""
    redis_server.flush()
    return redis_server


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The embedded service in processes of its own, for tests that do not disturb it."""
    it = Service(tmp_path_factory.mktemp("service") / "var")
    yield it
    it.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh, migrated SQLite database."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'slope.db')}"


@pytest.fixture
def postgres_url(postgres: PostgresServer, postgres_database: str) -> str:
    """A migrated PostgreSQL database without rows."""
    # Emptied rather than made anew, which would take half of the suite's time.
    tables = [table.name for table in reversed(Base.metadata.sorted_tables)]
    postgres.empty(postgres_database, tables)
    return postgres.url(postgres_database)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database of each kind in turn."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    """Sessions on a fresh database of each kind in turn."""
    fresh = Sessions(make_engine(database_url))
    yield fresh
    fresh.dispose()
