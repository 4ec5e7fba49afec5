"""Where compiled kernels are kept: with the environment they were compiled in.

Set-up and the image's build fill that folder; a process that may not write there, and finds it
without its own kernels, uses one in the state folder instead. Numba's own places are next to the
source, keyed by its path, and must be writable even where nothing is left to write.
"""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.engine.kernels.processor import this_target

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCATOR = f"{__name__}.Locator"
"""For numba.config.CACHE_LOCATOR_CLASSES."""

PREFIX = f"{sys.implementation.cache_tag}-numba"
"""How the names of the folders begin."""

_FOLDER = "slope-kernels"
_COMPLETE = "complete"
_SOURCES = ("compiled", "chunk")


@cache
def key() -> str:
    """What kernels depend on besides the processor: their source, Python, and the compiler."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for path in sorted(path for name in _SOURCES for path in (here / name).glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    compiler = f"{version('numba')}-llvmlite{version('llvmlite')}"
    return f"{PREFIX}{compiler}-{digest.hexdigest()[:16]}"


def folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where kernels may lie, the preferred place first."""
    given = environ.get("NUMBA_CACHE_DIR")
    state = Path(environ.get("SLOPE_STATE_DIR") or "var")
    own = Path(given) if given else Path(sys.prefix) / _FOLDER
    return own / key(), state.resolve() / "kernels" / key()


@cache
def folder() -> Path | None:
    """The folder of this process, made if need be; None where it can keep nothing."""
    choices = folders(os.environ)
    for choice in choices:
        if is_complete(choice):
            return choice
    return next((choice for choice in choices if _is_writable(choice)), None)


def is_complete(folder: Path, cpu: str | None = None) -> bool:
    """Whether the folder holds every kernel for a processor (this one, unless told)."""
    return (folder / f"{_COMPLETE}-{cpu or this_target().cpu}").is_file()


def mark_complete(folder: Path, cpu: str) -> None:
    """Note that every kernel for a processor is there."""
    (folder / f"{_COMPLETE}-{cpu}").touch()


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


class Locator:
    """How Numba is told: the interface of the locators in `numba.core.caching`."""

    def __init__(self, line: int) -> None:
        self._line = line

    @classmethod
    def from_function(cls, function: Any, _path: str) -> Locator | None:
        """A locator for a function, or None where nothing can be kept."""
        return None if folder() is None else cls(function.__code__.co_firstlineno)

    def get_cache_path(self) -> str:
        """Return the folder."""
        return str(folder())

    def ensure_cache_path(self) -> None:
        """Do nothing: the folder was made when it was chosen."""

    def get_source_stamp(self) -> str:
        """Return one stamp for all sources, for a kernel is compiled from several."""
        return key()

    def get_disambiguator(self) -> str:
        """Return a part of the file's name."""
        return str(self._line)
