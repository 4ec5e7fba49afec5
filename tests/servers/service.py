"""The embedded service: real processes in a folder of their own, ended with the test."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
import psutil

from service.broker_server import remove_socket
from service.settings import load_settings
from tests.servers.processes import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

T = TypeVar("T")

ROLES = ("supervisor", "broker", "api", "worker", "reconciler")
READY_S = 30.0
POLL_S = 0.02


class Service:
    """A supervisor and its children. Calls to the API carry the key that the service made."""

    def __init__(
        self,
        state_dir: Path,
        environ: Mapping[str, str] | None = None,
        module: str = "service.supervisor",
    ) -> None:
        self.state_dir = state_dir
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._module = module
        settings = {name: value for name, value in os.environ.items() if "SLOPE_" not in name}
        self._environ = {
            **settings,
            "SLOPE_STATE_DIR": str(state_dir),
            "SLOPE_PORT": str(self.port),
            **(environ or {}),
        }
        self._broker_socket = load_settings({"SLOPE_STATE_DIR": str(state_dir)})[0].broker_socket
        state_dir.parent.mkdir(exist_ok=True)
        self.start()

    def start(self) -> None:
        """Start, or start again on the same state; returns when the service is ready."""
        self._server = self.launch()
        self._server.wait_until(self.is_ready, READY_S)
        self.client = httpx2.Client(
            base_url=self.base_url, headers={"Authorization": f"Bearer {self.key}"}, timeout=30.0
        )

    def launch(self) -> Server:
        """Start a supervisor without waiting for anything."""
        return Server(
            [sys.executable, "-m", self._module],
            self.state_dir.parent / "console.log",
            environ=self._environ,
        )

    @property
    def console(self) -> str:
        """What the supervisors printed so far."""
        return (self.state_dir.parent / "console.log").read_text()

    @property
    def key(self) -> str:
        """The API key that the service made for itself."""
        return (self.state_dir / "api-key").read_text().strip()

    def pid(self, role: str) -> int:
        """Return where a role's process is, by its pid file."""
        return int((self.state_dir / "run" / f"{role}.pid").read_text())

    def pool(self) -> list[int]:
        """Return the pids of the worker's pool processes."""
        return [child.pid for child in psutil.Process(self.pid("worker")).children()]

    def processes(self) -> list[psutil.Process]:
        """Return every process that serves this folder, whoever is its parent."""
        return [process for process in psutil.process_iter() if self._serves_here(process)]

    def kill(self, role: str) -> None:
        """End a role's process as the kernel would when memory runs out."""
        os.kill(self.pid(role), signal.SIGKILL)

    def crash(self) -> None:
        """End the supervisor by force; returns when nothing of the service is left."""
        self.kill("supervisor")
        self.await_that(self.processes, lambda left: left == [])
        self.stop()

    def is_ready(self) -> bool:
        """Tell whether the service says that it is."""
        try:
            return httpx2.get(f"{self.base_url}/readyz", timeout=5.0).status_code == 200
        except httpx2.TransportError:
            return False

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """End the service in order; return the seconds it took."""
        self.client.close()
        started_s = time.monotonic()
        self._server.end(number, timeout_s=15.0)
        return time.monotonic() - started_s

    def close(self) -> None:
        """End whatever is left."""
        self.stop()
        for process in self.processes():
            process.kill()
        remove_socket(self._broker_socket)

    def await_run(self, run_id: str, *statuses: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """Return a run once it has one of the statuses."""

        def look() -> dict[str, Any]:
            run: dict[str, Any] = self.client.get(f"/v1/runs/{run_id}").raise_for_status().json()
            return run

        return self.await_that(look, lambda run: run["status"] in statuses, timeout_s)

    def await_that(
        self,
        look: Callable[[], T],
        is_so: Callable[[T], bool],
        timeout_s: float = 30.0,
    ) -> T:
        """Look until it is so; return what was seen then."""
        end_s = time.monotonic() + timeout_s
        while not is_so(seen := look()):
            if time.monotonic() > end_s:
                raise TimeoutError(f"Last seen: {seen!r}\n{self.console}")
            time.sleep(POLL_S)
        return seen

    def _serves_here(self, process: psutil.Process) -> bool:
        try:
            # The broker writes its title over its environment, and its socket into its title.
            is_ours = process.environ().get("SLOPE_STATE_DIR") == str(self.state_dir)
            is_broker = str(self._broker_socket) in " ".join(process.cmdline())
            return (is_ours or is_broker) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False
