"""Where compiled kernels lie: in the environment that they were compiled in.

Set-up and the image's build fill that folder, and a process need not be able to write there. One
that finds it without its own kernels keeps them in the state folder instead.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import time
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from workers.engine.kernels.native.interface import PRECISIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UNUSED_S = 30 * 24 * 3600.0
"""Kernels that nobody has read for so long belong to a version that nobody runs any more."""

_FOLDER = "slope-kernels"
_KERNELS = Path(__file__).parent.parent
_SOURCES = (
    *_KERNELS.glob("source/*.py"),
    _KERNELS / "program.py",
    _KERNELS / "native/interface.py",
)


@cache
def key() -> str:
    """What kernels depend on besides the processor: their source and their compiler."""
    digest = hashlib.sha256()
    for path in sorted(_SOURCES):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"numba{version('numba')}-llvmlite{version('llvmlite')}-{digest.hexdigest()[:16]}"


def candidates(environ: Mapping[str, str], cpu: str) -> tuple[Path, ...]:
    """Where kernels for a processor may lie, the preferred place first."""
    state = Path(environ.get("SLOPE_STATE_DIR") or "var").resolve()
    return (Path(sys.prefix) / _FOLDER / key() / cpu, state / "kernels" / key() / cpu)


def index_of(folder: Path, precision: str) -> Path:
    """The file written last: where it is, every kernel of the precision is."""
    return folder / f"{precision}.json"


def find(folders: tuple[Path, ...]) -> Path | None:
    """The first that has all kernels, or None."""
    for folder in folders:
        if all(index_of(folder, precision).is_file() for precision in PRECISIONS):
            return folder
    return None


def first_writable(folders: tuple[Path, ...]) -> Path | None:
    """The first that can be made, with the folder above it there; None where none can."""
    for folder in folders:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder.parent, os.W_OK | os.X_OK):
            return folder
    return None


def note_use(folder: Path) -> None:
    """Leave the present time at the folder above, where one may: `drop_unused` goes by it."""
    with suppress(OSError):
        os.utime(folder.parent)


def drop_unused(current: Path) -> None:
    """Remove what lies beside `current`, but for what was read lately: others may still run it."""
    latest = time.time() - UNUSED_S
    for other in current.parent.iterdir():
        if other != current and other.stat().st_mtime < latest:
            shutil.rmtree(other)


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other process is filling this folder; its end, too, lets the next one in."""
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
