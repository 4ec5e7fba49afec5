"""`make serve`: starts broker, API, worker, reconciler; restarts what dies; leaves no orphan."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import urllib.request
from math import inf
from typing import TYPE_CHECKING

from service import broker_server
from service.children import Child, Program, cause_of_death, end_group, launch
from service.clock import SystemClock
from service.logs import configure_foreground_logs
from service.processes import FolderError, forget_pid, make_state_dir, own_state_dir, write_pid
from service.settings import SettingsError, load_settings
from service.signals import STOP, SignalQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.clock import Clock
    from service.processes import Role
    from service.settings import Settings

WORKER_MODULE = "workers"
API_MODULE = "service.app"

_FAILED = 1
_REFUSED = 2
_BROKER_START_S = 10.0
_READY_S = 30.0
# Beyond SLOPE_SHUTDOWN_SECONDS, for processes to leave once their work is put away.
_GRACE_S = 2.0
_BROKER_GRACE_S = 0.5

_log = logging.getLogger("slope.supervisor")


class PortError(Exception):
    """The service cannot listen where it should: why, in one line."""


class StartError(Exception):
    """A step of the start failed: which, and where to read more."""


class StoppedError(Exception):
    """Somebody asked the supervisor to end."""


def serve(
    environ: Mapping[str, str],
    *,
    worker_module: str = WORKER_MODULE,
    api_module: str = API_MODULE,
) -> int:
    """Serve until a signal ends it; to be called from the main thread.

    Args:
        environ: the settings.
        worker_module: what the worker runs.
        api_module: what the API runs.

    Returns:
        The exit code: 0 after a signal, 1 when a step of the start failed,
        2 when the settings, the port or the folder cannot be used.
    """
    try:
        settings, _ = load_settings(environ)
        make_state_dir(settings.state_dir)
        # Before the port, which another supervisor on the same folder is likely to have, too.
        lock = own_state_dir(settings.state_dir)
        port = _free_port(settings.host, settings.port)
        child_environ = _child_environ(environ, settings, port)
        supervisor = Supervisor(settings, child_environ, worker_module, api_module)
    except (SettingsError, FolderError, broker_server.BrokerError, PortError) as error:
        sys.stderr.write(f"slope: {error}\n")
        return _REFUSED
    configure_foreground_logs(settings.log_format, settings.state_dir / "logs" / "supervisor.log")
    try:
        return supervisor.run()
    finally:
        os.close(lock)


class Supervisor:
    """The processes of one state folder, from the first to the last."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        worker_module: str = WORKER_MODULE,
        api_module: str = API_MODULE,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._clock = clock or SystemClock()
        self._state_dir = settings.state_dir.resolve()
        self._signals = SignalQueue(*STOP, signal.SIGCHLD)
        self._broker = self._broker_child()
        self._workers = [self._python_child("worker", worker_module, SLOPE_DEVICE="cpu")]
        if settings.device == "cuda":
            # Beside the other, which takes the runs that ask for no GPU.
            self._workers.append(self._python_child("worker-cuda", worker_module))
        self._api = self._python_child("api", api_module)
        self._reconciler = self._python_child("reconciler", "service.reconciler")
        self._children = [self._api, *self._workers, self._reconciler]

    def run(self) -> int:
        """Start everything, keep it running, and end it when a signal says so."""
        write_pid(self._state_dir, "supervisor", os.getpid())
        try:
            self._start()
            self._keep_until(lambda: False, look_s=1.0)
        except StoppedError:
            _log.info("ending")
        except StartError as error:
            _log.error("%s", error)
            return _FAILED
        finally:
            self._end()
            forget_pid(self._state_dir, "supervisor")
        return 0

    def _start(self) -> None:
        if self._broker is not None:
            broker_server.make_socket_dir(self._settings.broker_socket)
            self._broker.start()
        # Their imports take as long as the migrations; they look at the database after both.
        for worker in self._workers:
            worker.start()
        self._run_admin("migrate", "--first-key", str(self._state_dir / "api-key"))
        if self._broker is not None:
            self._await_broker(self._broker)
        self._api.start()
        is_ready = self._keep_until(self._is_ready, look_s=0.05, timeout_s=_READY_S)
        # Last, since nobody waits for it: workers reconcile too.
        self._reconciler.start()
        if is_ready:
            key = self._state_dir / "api-key"
            _log.info("ready at %s (documentation at /docs), key in %s", self._url, key)
        else:
            _log.warning("not ready after %g s; see %s", _READY_S, self._state_dir / "logs")

    def _keep_until(
        self, condition: Callable[[], bool], *, look_s: float, timeout_s: float = inf
    ) -> bool:
        """Restart what dies until the condition holds or the time is over; tell whether it held."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        while not (holds := condition()) and self._clock.monotonic_s() < deadline_s:
            for child in self._everyone():
                child.watch()
            due_s = [child.due_in_s() for child in self._everyone()]
            self._pause(min(look_s, *due_s))
        return holds

    def _end(self) -> None:
        for child in self._children:
            child.terminate()
        self._end_within(self._settings.shutdown_seconds + _GRACE_S, self._children)
        # Last, since a worker that puts its work away still talks to it.
        if self._broker is not None:
            self._broker.terminate()
            self._end_within(_BROKER_GRACE_S, [self._broker])
            broker_server.remove_socket(self._settings.broker_socket)

    def _end_within(self, seconds: float, children: list[Child]) -> None:
        deadline_s = self._clock.monotonic_s() + seconds
        try:
            while not all(child.is_gone() for child in children):
                if self._clock.monotonic_s() > deadline_s:
                    break
                self._pause(0.1)
        except StoppedError:
            _log.info("asked a second time: ending at once")
        for child in children:
            child.kill()

    def _run_admin(self, *arguments: str) -> None:
        log = self._state_dir / "logs" / "admin.log"
        command = (sys.executable, "-m", "service.admin", *arguments)
        process = launch(command, self._environ, log)
        try:
            while (cause := cause_of_death(process)) is None:
                self._pause(0.1)
        finally:
            end_group(process)
        if cause != "exit code 0":
            raise StartError(f"{arguments[0]} failed ({cause}); see {log}")

    def _await_broker(self, broker: Child) -> None:
        deadline_s = self._clock.monotonic_s() + _BROKER_START_S
        while not broker_server.answers(self._settings.broker_socket):
            if self._clock.monotonic_s() > deadline_s:
                raise StartError(f"the broker does not answer; see {broker.log}")
            self._pause(0.02)

    def _pause(self, seconds: float) -> None:
        if self._signals.wait(seconds) & STOP:
            raise StoppedError

    def _everyone(self) -> list[Child]:
        return [*([self._broker] if self._broker is not None else []), *self._children]

    def _broker_child(self) -> Child | None:
        if self._settings.redis_url is not None:
            return None
        server = broker_server.find_server(self._environ)
        command = broker_server.server_command(
            server, self._settings.broker_socket, self._state_dir
        )
        return Child(Program("broker", command, self._environ), self._state_dir, self._clock)

    def _python_child(self, role: Role, module: str, **environ: str) -> Child:
        command = (sys.executable, "-m", module)
        program = Program(role, command, {**self._environ, **environ})
        return Child(program, self._state_dir, self._clock)

    @property
    def _url(self) -> str:
        host = self._settings.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._environ['SLOPE_PORT']}"

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/readyz", timeout=1.0) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False


def _child_environ(environ: Mapping[str, str], settings: Settings, port: int) -> dict[str, str]:
    return {
        **environ,
        "SLOPE_STATE_DIR": str(settings.state_dir.resolve()),
        "SLOPE_PORT": str(port),
        # Bits depend on the number of BLAS threads; scale is by processes.
        "OPENBLAS_NUM_THREADS": "1",
        # Python allocates under its lock: more arenas would serve nobody, and cost 13 MB.
        "MALLOC_ARENA_MAX": "1",
        # Arrow's own pools keep what a table took; the system's gives it back.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def _free_port(host: str, port: int) -> int:
    """Return the port, or one that is free for port 0.

    Raises:
        PortError: nothing can listen there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as listener:
            # As the API's server does: without it, connections just closed would look like a
            # taken port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            return int(listener.getsockname()[1])
    except OSError as error:
        detail = f"cannot listen on {host} port {port}: {error.strerror}"
        raise PortError(f"{detail} (SLOPE_PORT chooses another)") from None


if __name__ == "__main__":
    sys.exit(serve(os.environ))
