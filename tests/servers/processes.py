"""Server processes of the tests' own, ended with whoever started them."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Account:
    """Whom a server runs as; PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    def may_read(self, path: Path) -> bool:
        """Whether a folder can be entered and read by everybody, and so by this account too."""
        everybody = 0o005
        return all(p.stat().st_mode & 0o001 for p in path.parents) and (
            path.stat().st_mode & everybody == everybody
        )


def unprivileged_account() -> Account:
    """Return the account that started the tests, or another one where that is root."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise RuntimeError("PostgreSQL does not run as root: run the tests as another user.")


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One process: started, awaited, ended."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        account: Account | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._log = log
        options: dict[str, Any] = {}
        if account is not None and account.uid != os.geteuid():
            options = {"user": account.uid, "group": account.gid, "extra_groups": []}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C reaches pytest alone, which then ends its servers in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,
                **options,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait_until(self, is_ready: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Wait until the server answers; show its log when it never does."""
        end = time.monotonic() + timeout_s
        while not is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"The server did not start:\n{self._log.read_text()}")
            time.sleep(0.01)

    def wait_for_success(self, timeout_s: float = 60.0) -> None:
        """Wait until the process has ended well; show its log when it has not."""
        if self._process.wait(timeout_s) != 0:
            raise RuntimeError(f"{self._process.args!r} failed:\n{self._log.read_text()}")

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def end(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = 10.0) -> None:
        """End the server, by force where it does not end by itself."""
        if self._process.poll() is None:
            self.send(number)
            self.send(signal.SIGCONT)
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
