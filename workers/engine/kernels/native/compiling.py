"""Compiling the kernels where they are missing: by a compiler in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from workers.engine.kernels.native.folders import INDEX, find, first_writable

if TYPE_CHECKING:
    from workers.engine.kernels.native.processor import Target

_COMPILER = "workers.engine.kernels.source.build"


class KernelsError(RuntimeError):
    """There are no compiled kernels, and none can be made here."""


def ensure(target: Target, folders: tuple[Path, ...]) -> Path:
    """The folder with all kernels for a target, compiled now (half a minute) if there is none.

    Raises KernelsError where nothing can be written, or the compiler fails.
    """
    found = find(folders)
    if found is not None:
        return found
    folder = first_writable(folders)
    if folder is None:
        raise KernelsError(f"no kernels for {target.cpu}, and none of {folders} can be written")
    # Filled beside its place, then moved there whole: another process may be doing the same.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{target.cpu}-") as beside:
        filled = Path(beside) / target.cpu
        filled.mkdir(mode=0o755)
        _compile(filled, target)
        with suppress(OSError):
            filled.rename(folder)
    if not (folder / INDEX).is_file():
        raise KernelsError(f"{folder} cannot be replaced")
    return folder


def _compile(folder: Path, target: Target) -> None:
    command = (sys.executable, "-m", _COMPILER, str(folder), *target)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode != 0:
        raise KernelsError(f"the kernels do not compile for {target.cpu}: {done.stderr.strip()}")
