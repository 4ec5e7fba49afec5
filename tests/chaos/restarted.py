"""A process that is started again whenever it ends, as `restart: always` would."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from tests.servers.processes import Server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_DELAY_S = 0.2


class Restarted:
    """One of the service's processes, with a log of all its lives."""

    def __init__(
        self, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        self.n_starts = 0
        self._command = command
        self._environ = environ
        self._ended_s: float | None = None
        self._start()

    @property
    def pid(self) -> int:
        """Where it is, or was last."""
        return self._server.pid

    def watch(self) -> None:
        """Start it again where it has ended; to be called again and again, from one thread."""
        if not self._server.has_ended:
            return
        now_s = time.monotonic()
        self._ended_s = self._ended_s or now_s
        if now_s >= self._ended_s + _DELAY_S:
            self._start()

    def send(self, number: signal.Signals) -> None:
        """Send a signal; one that is gone already gets none."""
        # An ended child keeps its pid until `watch` starts the next one: no stranger is hit.
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def children(self) -> list[psutil.Process]:
        """Return its processes, those of a pool."""
        try:
            return psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return []

    def end(self, timeout_s: float) -> None:
        """End it for good, by force where it does not end by itself."""
        self._server.end(signal.SIGTERM, timeout_s)

    def _start(self) -> None:
        self._server = Server(self._command, self.log, environ=self._environ)
        self._ended_s = None
        self.n_starts += 1
