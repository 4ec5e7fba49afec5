"""A child process that is started again when it dies, later each time."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from service.processes import Role, end_with_parent, forget_pid, write_pid

if TYPE_CHECKING:
    from pathlib import Path

    from service.clock import Clock

_FIRST_DELAY_S = 1.0
_LAST_DELAY_S = 30.0
_HEALTHY_S = 60.0
_LOG_BYTES = 10 * 2**20

_log = logging.getLogger("slope.supervisor")


@dataclass(frozen=True)
class Program:
    """What runs in a role."""

    role: Role
    command: tuple[str, ...]
    environ: Mapping[str, str]


class Child:
    """One role's process, its log file and its pid file."""

    def __init__(self, program: Program, state_dir: Path, clock: Clock) -> None:
        self.role = program.role
        self._program = program
        self._state_dir = state_dir
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._delay_s = _FIRST_DELAY_S
        self._due_s: float | None = None

    @property
    def log(self) -> Path:
        """The file that takes what the process prints."""
        return self._state_dir / "logs" / f"{self.role}.log"

    def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches the supervisor alone.

        Otherwise the terminal would interrupt the broker while the worker still needs it.
        """
        self._process = launch(self._program.command, self._program.environ, self.log)
        self._started_s = self._clock.monotonic_s()
        self._due_s = None
        write_pid(self._state_dir, self.role, self._process.pid)
        _log.info("%s started (pid %d)", self.role, self._process.pid)

    def watch(self) -> None:
        """Start the process again when it died and its delay is over."""
        if self._process is not None and (cause := cause_of_death(self._process)) is not None:
            self._bury(cause)
        if self._due_s is not None and self._clock.monotonic_s() >= self._due_s:
            self.start()

    def due_in_s(self) -> float:
        """Seconds until the next start, infinite while there is nothing to start."""
        return inf if self._due_s is None else max(0.0, self._due_s - self._clock.monotonic_s())

    def terminate(self) -> None:
        """Ask the process to end; it is not started again."""
        self._due_s = None
        if self._process is not None:
            # Not by Popen, which would reap a process that has just died.
            os.kill(self._process.pid, signal.SIGTERM)

    def is_gone(self) -> bool:
        """Tell whether nothing of the process is left, once it was asked to end."""
        if self._process is None:
            return True
        if cause_of_death(self._process) is None:
            return False
        self.kill()
        return True

    def kill(self) -> None:
        """End the process and whatever it started, now."""
        if self._process is not None:
            end_group(self._process)
            self._process = None
        forget_pid(self._state_dir, self.role)

    def _bury(self, cause: str) -> None:
        if self._clock.monotonic_s() - self._started_s >= _HEALTHY_S:
            self._delay_s = _FIRST_DELAY_S
        self.kill()
        self._due_s = self._clock.monotonic_s() + self._delay_s
        _log.warning("%s ended (%s); starting it again in %g s", self.role, cause, self._delay_s)
        self._delay_s = min(2.0 * self._delay_s, _LAST_DELAY_S)


def launch(
    command: tuple[str, ...], environ: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own that ends with this one; it prints into `log`."""
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - the commands are ours
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            # Safe: the supervisor has one thread, so no lock can be held across the fork.
            preexec_fn=end_with_parent(),
        )


def cause_of_death(process: subprocess.Popen[bytes]) -> str | None:
    """Say how a process ended, None while it runs; leaves it unreaped, so its pid is not reused."""
    ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if ended is None:
        return None
    if ended.si_code == os.CLD_EXITED:
        return f"exit code {ended.si_status}"
    return signal.Signals(ended.si_status).name


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process of `launch` with whatever it started, and reap it."""
    # The leader of the group is not yet reaped, so the group's number cannot be another's.
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
