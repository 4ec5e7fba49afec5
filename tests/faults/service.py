"""The service with a worker and an API that have faults, and a training worth breaking."""

from __future__ import annotations

import struct
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import redis
from sqlalchemy import select

from service.store.broker import Broker
from service.store.db import Sessions, make_engine
from service.store.tables import RunRow, WorkerRow
from tests.chaos.logs import Logs
from tests.servers.processes import Server
from tests.servers.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

N_ROWS = 3000
EPOCHS = 10
_UNFINISHED = ("queued", "running", "paused")


class FaultyService(Service):
    """Holds, or ends, its processes where it is told to; `places` says where that can be."""

    def __init__(self, state_dir: Path, environ: Mapping[str, str]) -> None:
        self._faults = state_dir.parent / "faults"
        self._faults.mkdir()
        (self._faults / "clock").write_bytes(bytes(8))
        url = environ.get("SLOPE_DATABASE_URL", f"sqlite:///{state_dir / 'slope.db'}")
        broker = environ.get("SLOPE_REDIS_URL", f"redis+socket://{state_dir / 'run/broker.sock'}")
        self._servers = {"SLOPE_DATABASE_URL": url, "SLOPE_REDIS_URL": broker}
        self.sessions = Sessions(make_engine(url))
        self.broker = Broker(broker)
        special = {"FAULTS_DIR": str(self._faults), "SLOPE_LOG_FORMAT": "json"}
        super().__init__(state_dir, {**environ, **special}, "tests.faults.supervisor")

    @property
    def logs(self) -> Logs:
        """What its processes have said so far."""
        return Logs(sorted((self.state_dir / "logs").glob("*.log")))

    def close(self) -> None:
        """End whatever is left."""
        super().close()
        self.sessions.dispose()

    def hold(self, place: str) -> None:
        """Let every process that comes by stand at this place from now on."""
        (self._faults / f"hold-{place}").touch()

    def await_held(self, place: str) -> int:
        """Return the pid of the process that stands at this place."""
        sign = self._faults / f"held-{place}"
        self.await_that(sign.exists, bool)
        return int(sign.read_text())

    def release(self, place: str) -> None:
        """Let the processes at this place go on, killed ones forgotten."""
        (self._faults / f"held-{place}").unlink(missing_ok=True)
        (self._faults / f"hold-{place}").unlink()

    def kill_at(self, place: str) -> None:
        """End the first process that comes by."""
        (self._faults / f"crash-{place}").touch()

    def always_kill_at(self, place: str) -> None:
        """End every process that comes by."""
        (self._faults / f"doom-{place}").touch()

    def deafen(self, name: str) -> None:
        """Let the heartbeat of the run of this name die of a defect."""
        (self._faults / f"deaf-{name}").touch()

    def exhaust_memory(self, pid: int) -> None:
        """Let the training that stands in this process take more than it may."""
        (self._faults / f"exhaust-{pid}").touch()

    def jump_clock(self, seconds: float) -> None:
        """Let the clock of every worker's host be fast by so many seconds."""
        with (self._faults / "clock").open("r+b") as file:
            file.write(struct.pack("d", seconds))

    def calm(self) -> None:
        """Disturb nobody any more."""
        for kind in ("held", "hold", "crash", "doom", "deaf", "exhaust"):
            for file in self._faults.glob(f"{kind}-*"):
                file.unlink(missing_ok=True)
        self.jump_clock(0.0)

    def broker_client(self) -> redis.Redis:
        """Return a client to put things into the broker that no publisher of ours would."""
        return redis.Redis.from_url(
            self._servers["SLOPE_REDIS_URL"].replace("redis+socket", "unix")
        )

    @contextmanager
    def second_worker(self, **environ: str) -> Iterator[Server]:
        """Start one more worker, as on another machine, with some settings of its own."""
        home = self.state_dir.parent / "second"
        servers = {**self._environ, **self._servers, "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.faults.worker"]
        log = self.state_dir / "logs" / "second-worker.log"
        own = {"SLOPE_STATE_DIR": str(home), **environ}
        server = Server(command, log, environ={**servers, **own})
        try:
            self.await_that(lambda: self.is_announced(server.pid), bool)
            yield server
        finally:
            server.end()

    def kill_and_await(self, role: str) -> int:
        """End a role's process by force; return the pid of the one that takes its place."""
        killed = self.pid(role)
        self.kill(role)
        return self.await_new(role, killed)

    def await_new(self, role: str, old: int) -> int:
        """Return the pid of the process that has taken the place of an old one."""

        def look() -> int:
            try:
                return self.pid(role)
            except FileNotFoundError:
                return old

        return self.await_that(look, lambda pid: pid != old)

    def is_announced(self, pid: int) -> bool:
        """Tell whether a worker of this process has said that it is there."""
        with self.sessions.read() as session:
            return session.scalar(select(WorkerRow.id).where(WorkerRow.pid == pid)) is not None

    def unfinished(self) -> list[str]:
        """Return the runs that are not over."""
        with self.sessions.read() as session:
            return list(session.scalars(select(RunRow.id).where(RunRow.status.in_(_UNFINISHED))))

    def upload(self, table: bytes | None = None) -> str:
        """Upload a table, a noisy function of four numbers; return the dataset's id."""
        file = {"file": ("wave.csv", table or wave(), "text/csv")}
        answer = self.client.post("/v1/datasets", files=file).raise_for_status()
        return str(answer.json()["id"])

    def start_run(self, dataset_id: str, name: str | None = None, **wishes: Any) -> str:
        """Start a training whose epochs take long enough to be broken within; return its id.

        A name is what faults that are meant for this run alone call it.
        """
        wish = wish_for(dataset_id, name) | wishes
        return str(self.client.post("/v1/runs", json=wish).raise_for_status().json()["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a run."""
        answer: dict[str, Any] = self.client.get(f"/v1/runs/{run_id}").raise_for_status().json()
        return answer

    def metrics(self, run_id: str) -> dict[str, Any]:
        """Return a run's curves."""
        url = f"/v1/runs/{run_id}/metrics"
        answer: dict[str, Any] = self.client.get(url).raise_for_status().json()
        return answer

    def events(self, run_id: str) -> list[dict[str, Any]]:
        """Return a run's events in their order."""
        url = f"/v1/runs/{run_id}/events?limit=500"
        events: list[dict[str, Any]] = self.client.get(url).raise_for_status().json()["data"]
        return sorted(events, key=lambda event: int(event["seq"]))

    def starts(self, run_id: str) -> list[dict[str, Any]]:
        """Return what each later attempt went on from: epoch and step."""
        told = [event["data"] for event in self.events(run_id) if event["type"] == "log"]
        return [data for data in told if data.get("code") == "going_on"]


def wish_for(dataset_id: str, name: str | None = None) -> dict[str, Any]:
    """Return what `start_run` asks for."""
    return {
        "dataset_id": dataset_id,
        "target": "y",
        "network": {"layers": [{"type": "dense", "units": 16}]},
        "training": {
            "epochs": EPOCHS,
            "batch_size": 1,
            "early_stopping": None,
            # However slow the disk: where an attempt goes on from is known.
            "checkpoint_every": 1,
        },
        "labels": {} if name is None else {"fault": name},
    }


def wave() -> bytes:
    """Return a table of four numbers and a noisy function of them."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(N_ROWS, 4))
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.normal(size=N_ROWS)
    rows = (",".join(f"{v:.6f}" for v in (*x, t)) for x, t in zip(X, y, strict=True))
    return "\n".join(("a,b,c,d,y", *rows)).encode()
