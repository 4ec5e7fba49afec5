"""The embedded service for the time of a script, in a folder of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from service.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
START_S = 30.0
END_S = 10.0
MAX_WORDS = 1500


class StartError(Exception):
    """The service did not come up; the message ends with its last words."""


@contextmanager
def embedded_service() -> Iterator[Client]:
    """Serve on a free port until the block ends, leaving no process and no file behind.

    Raises:
        StartError: it did not become ready.
    """
    with tempfile.TemporaryDirectory(prefix="slope-demo-") as folder:
        state = Path(folder) / "var"
        state.mkdir()
        port = _free_port()
        # Settings of the user's own service are not meant for this one.
        environ = {name: value for name, value in os.environ.items() if "SLOPE_" not in name}
        environ |= {"SLOPE_STATE_DIR": str(state), "SLOPE_PORT": str(port)}
        # What a process that is killed leaves behind goes with the folder.
        environ["TMPDIR"] = folder
        with (state / "console.log").open("wb") as console:
            service = subprocess.Popen(
                [sys.executable, "-m", "service.supervisor"],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                # The terminal's Ctrl-C reaches this script alone, which ends the service in order.
                start_new_session=True,
            )
        try:
            with _connect(service, state, f"http://127.0.0.1:{port}") as client:
                yield client
        finally:
            _end(service)


def _connect(service: subprocess.Popen[bytes], state: Path, url: str) -> Client:
    with Client(url, max_retries=0) as stranger:
        deadline = time.monotonic() + START_S
        while not stranger.is_ready():
            if service.poll() is not None or time.monotonic() > deadline:
                raise StartError(f"The service did not start.\n{_last_words(state)}")
            time.sleep(0.05)
    return Client(url, (state / "api-key").read_text(encoding="ascii").strip())


def _last_words(state: Path) -> str:
    logs = [state / "console.log", *sorted((state / "logs").glob("*.log"))]
    texts = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in logs}
    return "\n".join(f"--- {name}\n{text[-MAX_WORDS:]}" for name, text in texts.items())


def _end(service: subprocess.Popen[bytes]) -> None:
    # A second Ctrl-C would leave the processes that the first one is ending.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        service.send_signal(signal.SIGINT)
        service.wait(END_S)
    except subprocess.TimeoutExpired:
        service.kill()
        service.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
