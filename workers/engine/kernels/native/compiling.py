"""The kernels' machine code: read where it lies, or compiled by a compiler in its own process."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from workers.engine.kernels.native.folders import (
    find,
    first_writable,
    index_of,
    note_use,
    one_at_a_time,
)
from workers.engine.kernels.native.interface import PRECISIONS

if TYPE_CHECKING:
    from workers.engine.kernels.native.processor import Target

_COMPILER = "workers.engine.kernels.source.build"

_log = logging.getLogger(__name__)


class KernelsError(RuntimeError):
    """The kernels do not compile."""


class ObjectCode(NamedTuple):
    """An object file, and the name of the kernel's function in it."""

    data: bytes
    symbol: str


def object_codes(target: Target, folders: tuple[Path, ...]) -> dict[str, ObjectCode]:
    """Every kernel for a target, by name and precision, as `activate-float32`.

    Compiled now (half a minute) where none of the folders has them, and kept in the first that can
    be written, if any can.

    Raises KernelsError where they do not compile.
    """
    found = find(folders)
    if found is not None:
        return _read(found)
    folder = first_writable(folders)
    if folder is None:
        with tempfile.TemporaryDirectory() as beside:
            return _compiled(Path(beside), target)
    with one_at_a_time(folder):
        if find((folder,)) is None:
            _fill(folder, target)
    return _read(folder)


def _fill(folder: Path, target: Target) -> None:
    """Beside its place, then moved there whole: a reader never meets half of it."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{target.cpu}-") as beside:
        filled = Path(beside) / target.cpu
        filled.mkdir(mode=0o755)
        _compiled(filled, target)
        filled.rename(folder)


def _compiled(folder: Path, target: Target) -> dict[str, ObjectCode]:
    _log.warning("compiling the kernels for %s in %s: half a minute, once", target.cpu, folder)
    _compile(folder, target)
    return _read(folder)


def _read(folder: Path) -> dict[str, ObjectCode]:
    note_use(folder)
    return {
        name: ObjectCode((folder / f"{name}.o").read_bytes(), symbol)
        for precision in PRECISIONS
        for name, symbol in json.loads(index_of(folder, precision).read_text()).items()
    }


def _compile(folder: Path, target: Target) -> None:
    """Both precisions at once, each by a process."""
    compilers = [
        subprocess.Popen(  # noqa: S603 - ourselves
            (sys.executable, "-m", _COMPILER, str(folder), precision, *target),
            stderr=subprocess.PIPE,
            text=True,
        )
        for precision in PRECISIONS
    ]
    said = [compiler.communicate()[1] for compiler in compilers]
    for compiler, words in zip(compilers, said, strict=True):
        if compiler.returncode != 0:
            raise KernelsError(f"the kernels do not compile for {target.cpu}: {words.strip()}")
