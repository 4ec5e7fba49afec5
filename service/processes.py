"""Processes on one machine: pid files, one owner per state folder, no orphans."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
import tempfile
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Role = Literal["supervisor", "broker", "api", "worker", "worker-cuda", "reconciler"]

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
# Looked up before any fork: a child between fork and exec should not have to load a library.
_PRCTL = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


class FolderError(Exception):
    """A state folder that cannot be used: which one and why, in one line."""


def pid_file(state_dir: Path, role: Role) -> Path:
    """Return where the process of this role keeps its pid."""
    return state_dir / "run" / f"{role}.pid"


def write_pid(state_dir: Path, role: Role, pid: int) -> None:
    """Say where a process is. Whoever reads sees the old number or the new, never half of one."""
    target = pid_file(state_dir, role)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(f".{os.getpid()}")
    draft.write_text(f"{pid}\n")
    draft.replace(target)


def forget_pid(state_dir: Path, role: Role) -> None:
    """Remove a pid file, present or not."""
    pid_file(state_dir, role).unlink(missing_ok=True)


def make_state_dir(state_dir: Path) -> None:
    """Make the state folder with its `run` and `logs`, and try that files can be made in it.

    Raises:
        FolderError: the folder cannot be made, or is not writable.
    """
    try:
        # Other accounts of the machine have no business with tables and weights.
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (state_dir, state_dir / "run", state_dir / "logs"):
            folder.mkdir(exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise FolderError(f"{state_dir} is not a folder that can be written: {error}") from None


def own_state_dir(state_dir: Path) -> int:
    """Take the state folder for this process; the kernel lets go of it however the process ends.

    Returns:
        The open file that holds the lock. It is not inherited through exec.

    Raises:
        FolderError: another process owns the folder.
    """
    lock = os.open(state_dir / "run" / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        owner = _pid_of_supervisor(state_dir)
        raise FolderError(f"{state_dir} is in use by another supervisor{owner}") from None
    return lock


def end_with_parent() -> Callable[[], None]:
    """Return what a new child runs before exec, so that it cannot outlive this process.

    The kernel sends the signal when the *thread* that forked ends, so fork from the main thread.
    """
    parent = os.getpid()

    def prepare() -> None:
        if _PRCTL is None:
            return
        _PRCTL(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        # The parent may have died before the request above.
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _pid_of_supervisor(state_dir: Path) -> str:
    try:
        return f" (pid {int(pid_file(state_dir, 'supervisor').read_text())})"
    except (OSError, ValueError):
        return ""
