"""What the ledger costs when it is full: polls, lists, new runs and claims beside 2,000 that wait.

Run as `python -m benchmarks.scale`, on SQLite and on a private PostgreSQL. The API and the
reconciler are real processes; what a worker does to the ledger is done here, without the training.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from benchmarks.process import forget_what_the_shell_says
from benchmarks.scale_ledger import N_PROJECTS, N_QUEUED, WORKER, fill
from service.settings import Limits
from service.store import migrate
from service.store.blobs import Blobs
from service.store.broker import Broker
from service.store.db import Sessions, make_engine
from service.store.tables import DatasetRow, RunRow
from service.usecases.claims import Outcome
from service.usecases.workers import Workers
from tests.servers.postgres import PostgresServer
from tests.servers.processes import Server, free_port
from tests.servers.redis import RedisServer
from tests.service.usecases.world import RememberingBroker, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 20
POLLS_PER_S = 50
OTHERS_PER_S = 2
GOALS_MS = {"poll of a run": 50.0, "list of 50 runs": 100.0, "new run": 150.0, "claim": 50.0}
"""At the 99th percentile: what a person does not notice, of requests that wait for their turn."""

CPU_GOAL_MS = 8.0
"""Of the API for each request: at these rates it has half of a core to spare, on any machine."""

STOPPED = Outcome(status="stopped", stop_reason="budget")


@dataclass
class Figures:
    """Milliseconds of each kind of work, counted from when it was due."""

    by_kind: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in GOALS_MS})
    cpu_ms: float = 0.0
    """Of the API, for each request."""

    def note(self, kind: str, since_s: float) -> None:
        """Note that work which was due then is done now."""
        self.by_kind[kind].append(1000.0 * (time.perf_counter() - since_s))

    def rows(self, database: str) -> Iterator[tuple[str, ...]]:
        """Return the rows of the table."""
        for kind, values in self.by_kind.items():
            p99 = statistics.quantiles(values, n=100, method="inclusive")[98]
            verdict = "met" if p99 <= GOALS_MS[kind] else "MISSED"
            cells = (statistics.median(values), p99, max(values))
            times = (f"{cell:.1f} ms" for cell in cells)
            goal = f"{GOALS_MS[kind]:g} ms"
            yield (database, kind, str(len(values)), *times, goal, verdict)
        verdict = "met" if self.cpu_ms <= CPU_GOAL_MS else "MISSED"
        cpu = f"{self.cpu_ms:.1f} ms"
        yield (database, "CPU of a request", "", cpu, "", "", f"{CPU_GOAL_MS:g} ms", verdict)


@dataclass(frozen=True)
class Load:
    """A full ledger behind an API, and what is asked of it."""

    world: World
    base_url: str
    api: psutil.Process
    keys: dict[str, str]
    runs: Sequence[tuple[str, str]]
    """Run and project, of those that wait and of those that ended, mixed."""
    datasets: dict[str, str]
    figures: Figures = field(default_factory=Figures)

    def apply(self) -> None:
        """Ask as often as the rates say, for `SECONDS`."""
        with ThreadPoolExecutor(16) as pool, httpx2.Client(base_url=self.base_url) as client:
            begun_s, cpu_s = time.perf_counter(), self._cpu_s()
            jobs = []
            for index in range(SECONDS * POLLS_PER_S):
                due_s = begun_s + index / POLLS_PER_S
                time.sleep(max(0.0, due_s - time.perf_counter()))
                jobs.append(pool.submit(self._poll, client, index, due_s))
                if index % (POLLS_PER_S // OTHERS_PER_S) == 0:
                    jobs.append(pool.submit(self._list, client, index, due_s))
                    jobs.append(pool.submit(self._create, client, index, due_s))
            for job in jobs:
                job.result()
        self.figures.cpu_ms = 1000.0 * (self._cpu_s() - cpu_s) / len(jobs)

    def _cpu_s(self) -> float:
        times = self.api.cpu_times()
        return float(times.user + times.system)

    def _poll(self, client: httpx2.Client, index: int, due_s: float) -> None:
        run_id, project_id = self.runs[(index * 997) % len(self.runs)]
        self._ask(client, project_id, f"/v1/runs/{run_id}")
        self.figures.note("poll of a run", due_s)

    def _list(self, client: httpx2.Client, index: int, due_s: float) -> None:
        project_id = list(self.keys)[index % N_PROJECTS]
        status = ("", "?status=queued", "?status=running")[index % 3]
        self._ask(client, project_id, f"/v1/runs{status}")
        self.figures.note("list of 50 runs", due_s)

    def _create(self, client: httpx2.Client, index: int, due_s: float) -> None:
        project_id = list(self.keys)[index % N_PROJECTS]
        wish = {"dataset_id": self.datasets[project_id], "target": "y"}
        headers = self._headers(project_id)
        client.post("/v1/runs", json=wish, headers=headers).raise_for_status()
        self.figures.note("new run", due_s)

    def _ask(self, client: httpx2.Client, project_id: str, path: str) -> None:
        client.get(path, headers=self._headers(project_id)).raise_for_status()

    def _headers(self, project_id: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[project_id]}"}

    @contextmanager
    def moved(self) -> Iterator[None]:
        """Let a worker move the ledger meanwhile."""
        ended = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(self._work, ended)
            try:
                yield
            finally:
                ended.set()
                work.result()

    def _work(self, ended: threading.Event) -> None:
        """Claim what is rung for, and end it a moment later."""
        rung = select(RunRow.id).where(RunRow.status == "queued", RunRow.dispatched_at.is_not(None))
        workers = Workers(self.world.sessions)
        while not ended.wait(0.1):
            workers.seen(WORKER.id)
            with self.world.sessions.read() as session:
                bells = session.scalars(rung.limit(WORKER.slots)).all()
            for run_id in bells:
                since_s = time.perf_counter()
                claim = self.world.leases.claim(run_id, WORKER.id)
                self.figures.note("claim", since_s)
                if claim is not None:
                    self.world.leases.finish(run_id, claim.fence, STOPPED)


def main() -> None:
    """Measure on both databases, and print the table."""
    forget_what_the_shell_says()
    columns = ("database", "what", "times", "median", "99th percentile", "worst", "goal", "")
    table = Table(
        *columns, title=f"{N_PROJECTS * N_QUEUED} runs wait, {POLLS_PER_S} polls a second"
    )
    for name, database in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with database() as url:
            for row in _measured(url).rows(name):
                table.add_row(*row)
    Console(width=120).print(table)


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="slope-bench-") as folder:
        yield f"sqlite:///{folder}/slope.db"


@contextmanager
def _postgresql() -> Iterator[str]:
    server = PostgresServer()
    try:
        yield server.create("slope")
    finally:
        server.close()


def _measured(url: str) -> Figures:
    migrate.upgrade(url)
    sessions = Sessions(make_engine(url))
    world = World(sessions, Blobs(), RememberingBroker(), Limits.model_validate({}))
    keys = fill(world)
    with ExitStack() as stack:
        stack.callback(sessions.dispose)
        redis = RedisServer()
        stack.callback(redis.close)
        base_url, api = _serve(stack, url, redis)
        with sessions.read() as session:
            runs = session.execute(select(RunRow.id, RunRow.project_id)).all()
            datasets = session.execute(select(DatasetRow.project_id, DatasetRow.id)).all()
        load = Load(world, base_url, api, keys, runs, dict(datasets))
        # A full collection here would be counted as a wait for the API.
        gc.collect()
        gc.freeze()
        with load.moved():
            load.apply()
    return load.figures


def _serve(stack: ExitStack, url: str, redis: RedisServer) -> tuple[str, psutil.Process]:
    """Start the API and the reconciler; return where the API answers, and its process."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slope-bench-")))
    port = free_port()
    environ = {
        **os.environ,
        "SLOPE_STATE_DIR": str(folder),
        "SLOPE_DATABASE_URL": url,
        "SLOPE_REDIS_URL": redis.url,
        "SLOPE_PORT": str(port),
    }
    base_url = f"http://127.0.0.1:{port}"
    api, _ = (
        _start(stack, module, folder / "console.log", environ)
        for module in ("service.app", "service.reconciler")
    )
    api.wait_until(lambda: _lives(base_url))
    _await(lambda: Broker(redis.url).has_canary())
    return base_url, psutil.Process(api.pid)


def _start(stack: ExitStack, module: str, log: Path, environ: dict[str, str]) -> Server:
    server = Server((sys.executable, "-m", module), log, environ=environ)
    stack.callback(server.end)
    return server


def _lives(base_url: str) -> bool:
    try:
        return httpx2.get(f"{base_url}/livez", timeout=5.0).status_code == 200
    except httpx2.TransportError:
        return False


def _await(is_so: Callable[[], bool], timeout_s: float = 30.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > end_s:
            raise TimeoutError("The reconciler did not start.")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
