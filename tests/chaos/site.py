"""The service as it stands on many machines, here on one: everything of it twice but its state."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Literal

import httpx2

from service.store.broker import Broker
from service.store.db import Sessions, make_engine
from tests.chaos.restarted import Restarted
from tests.servers.postgres import PostgresServer
from tests.servers.processes import free_port
from tests.servers.proxy import Proxy
from tests.servers.redis import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Database = Literal["sqlite", "postgresql"]

LEASE_S = 3.0
N_WORKERS = 2
N_SLOTS = 2
"""Trainings at once of each worker."""

_READY_S = 60.0
_POLL_S = 0.02
_END_S = 10.0


class Site:
    """Redis without persistence, a database, an API, two workers of two processes, two reconcilers.

    Each worker reaches PostgreSQL through a proxy of its own.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.redis = RedisServer()
        self.postgres = PostgresServer() if database == "postgresql" else None
        self.proxies: list[Proxy] = []
        if self.postgres is None:
            self.database_url = f"sqlite:///{folder / 'slope.db'}"
        else:
            self.database_url = self.postgres.create("slope")
            self.proxies = [Proxy(self.postgres.port) for _ in range(N_WORKERS)]
        self.sessions = Sessions(make_engine(self.database_url))
        """A door to the database that no fault stands in."""
        self.broker = Broker(self.redis.url)
        self.key = self._migrate()
        self.api = self._start("api", "service.app", self.database_url)
        self.workers = [
            self._start(f"worker-{k}", "workers", self._url_of_worker(k)) for k in range(N_WORKERS)
        ]
        self.reconcilers = [
            self._start(f"reconciler-{k}", "service.reconciler", self.database_url)
            for k in range(2)
        ]

    @property
    def processes(self) -> list[Restarted]:
        """Every process of the service."""
        return [self.api, *self.workers, *self.reconcilers]

    def watch(self) -> None:
        """Start again what has ended."""
        for process in self.processes:
            process.watch()

    def await_ready(self) -> None:
        """Return when the API says that it is."""
        self.await_that(self._is_ready, _READY_S)

    def await_that(self, is_so: Callable[[], bool], timeout_s: float) -> bool:
        """Keep the processes running until it is so, or the time is over; tell whether it is so."""
        end_s = time.monotonic() + timeout_s
        while not (holds := is_so()) and time.monotonic() < end_s:
            self.watch()
            time.sleep(_POLL_S)
        return holds

    def logs(self) -> list[Path]:
        """Return what the processes printed."""
        return [process.log for process in self.processes]

    def close(self) -> None:
        """End everything that was started here."""
        for process in self.processes:
            process.end(_END_S)
        self.sessions.dispose()
        for proxy in self.proxies:
            proxy.close()
        if self.postgres is not None:
            self.postgres.close()
        self.redis.close()

    def _is_ready(self) -> bool:
        try:
            return httpx2.get(f"{self.base_url}/readyz", timeout=5.0).status_code == 200
        except httpx2.TransportError:
            return False

    def _url_of_worker(self, number: int) -> str:
        if self.postgres is None:
            return self.database_url
        port = self.proxies[number].port
        return self.database_url.replace(f":{self.postgres.port}/", f":{port}/")

    def _migrate(self) -> str:
        file = self.folder / "api-key"
        environ = self._environ("admin", self.database_url)
        command = (sys.executable, "-m", "service.admin", "migrate", "--first-key", str(file))
        subprocess.run(command, env=environ, check=True)
        return file.read_text().strip()

    def _start(self, name: str, module: str, database_url: str) -> Restarted:
        environ = self._environ(name, database_url)
        log = self.folder / f"{name}.log"
        return Restarted(name, (sys.executable, "-m", module), environ, log)

    def _environ(self, name: str, database_url: str) -> dict[str, str]:
        # A state folder each, as on machines of their own.
        state = self.folder / name
        (state / "run").mkdir(parents=True)
        kept = {key: value for key, value in os.environ.items() if "SLOPE_" not in key}
        return {
            **kept,
            "SLOPE_STATE_DIR": str(state),
            "SLOPE_PORT": str(self.port),
            "SLOPE_DATABASE_URL": database_url,
            "SLOPE_REDIS_URL": self.redis.url,
            "SLOPE_LEASE_SECONDS": f"{LEASE_S}",
            "SLOPE_WORKER_PROCESSES": f"{N_SLOTS}",
            "SLOPE_LOG_FORMAT": "json",
            "OPENBLAS_NUM_THREADS": "1",
        }
