"""Kernels are compiled ahead, by a process of their own, and need nothing but to be read."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from workers.engine.kernels.native import folders
from workers.engine.kernels.native.compiling import object_codes
from workers.engine.kernels.native.interface import ENTRIES, PRECISIONS
from workers.engine.kernels.native.processor import Target, this_target

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = 65_534
TARGET = this_target()
EVERY = {f"{entry}-{precision}" for entry in ENTRIES for precision in PRECISIONS}
# Whatever process trains: it must not hold a compiler, and its kernels must work.
TRAIN = """
import sys
import numpy as np
from workers.engine.kernels.compiled import COMPILED
from workers.engine.tensors import Memory
z = np.full((2, 2), 0.5, np.float32)
COMPILED.activations["tanh"](Memory(np, z.dtype), z.shape, True).forward(z)
assert abs(z - np.tanh(0.5)).max() < 1e-6, z
assert "numba" not in sys.modules
assert "scipy.linalg" not in sys.modules
# Of LLVM's 100 MB, the code that read them is forgotten.
of_code, kib = False, 0
for line in open("/proc/self/smaps"):
    if "-" in line.split()[0]:
        of_code = "libllvmlite" in line and " r-xp " in line
    elif of_code and line.startswith("Rss:"):
        kib += int(line.split()[1])
assert kib < 8192, kib
"""
# The interpreter may lie where that user cannot reach it: it is loaded before the rights are gone.
READ = f"""
import os, sys
from pathlib import Path
from workers.engine.kernels.native.compiling import object_codes
from workers.engine.kernels.native.processor import this_target
target = this_target()
if os.getuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
assert not os.access(sys.argv[1], os.W_OK) or os.getuid() != {NOBODY}
print(len(object_codes(target, (Path(sys.argv[1]),))))
"""


def filled(folder: Path) -> Path:
    """A folder that looks as if every kernel were there."""
    folder.mkdir(parents=True)
    for name in EVERY:
        (folder / f"{name}.o").write_bytes(name.encode())
    for precision in PRECISIONS:
        names = (f'"{entry}-{precision}": "{entry}"' for entry in ENTRIES)
        folders.index_of(folder, precision).write_text("{" + ", ".join(names) + "}")
    return folder


def test_a_process_that_trains_imports_no_compiler() -> None:
    subprocess.run((sys.executable, "-c", TRAIN), check=True, timeout=120)


def test_the_first_folder_that_is_whole_is_read(tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.mkdir()
    folders.index_of(half, PRECISIONS[0]).write_text("{}")
    whole = filled(tmp_path / "whole")
    codes = object_codes(TARGET, (tmp_path / "none", half, whole))
    assert {name: code.data.decode() for name, code in codes.items()} == {n: n for n in EVERY}


def test_a_user_without_rights_reads_kernels_that_lie_read_only() -> None:
    """As in the image: a folder of root's, a process that may write nowhere."""
    folder = folders.candidates(os.environ, TARGET.cpu)[0]
    before = sorted(folder.parent.parent.rglob("*"))
    done = subprocess.run(
        (sys.executable, "-c", READ, str(folder)),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert int(done.stdout) == len(EVERY)
    assert sorted(folder.parent.parent.rglob("*")) == before


def test_where_the_environment_cannot_be_written_the_state_folder_is_taken(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    unusable, usable = tmp_path / "file" / "key" / "cpu", tmp_path / "state" / "key" / "cpu"
    assert folders.first_writable((unusable, usable)) == usable
    assert folders.first_writable((unusable,)) is None


def test_every_state_folder_and_version_has_its_place(tmp_path: Path) -> None:
    places = folders.candidates({"SLOPE_STATE_DIR": str(tmp_path)}, "generic")
    assert places[0].is_relative_to(sys.prefix)
    assert places[1].is_relative_to(tmp_path)
    assert all(place.parts[-2:] == (folders.key(), "generic") for place in places)


def test_kernels_of_other_versions_stay_while_they_are_in_use(tmp_path: Path) -> None:
    """Several versions may share an environment; one nobody has read for long is gone."""
    current, neighbour, old = (
        filled(tmp_path / key / TARGET.cpu) for key in ("now", "other", "older")
    )
    for folder in (neighbour, old):
        long_ago = time.time() - 2 * folders.UNUSED_S
        os.utime(folder.parent, (long_ago, long_ago))
    object_codes(TARGET, (neighbour,))
    folders.drop_unused(current.parent)
    assert sorted(tmp_path.iterdir()) == [current.parent, neighbour.parent]


@pytest.mark.timeout(120)
def test_who_finds_another_at_work_waits_and_reads(tmp_path: Path) -> None:
    """Not compiling a second time, which would take both twice as long."""
    folder = tmp_path / "key" / TARGET.cpu
    folder.parent.mkdir()
    with ThreadPoolExecutor(1) as pool:
        with folders.one_at_a_time(folder):
            reading = pool.submit(object_codes, TARGET, (folder,))
            with pytest.raises(TimeoutError):
                reading.result(timeout=0.2)
            filled(folder)
        codes = reading.result(timeout=60)
    assert {name: code.data.decode() for name, code in codes.items()} == {n: n for n in EVERY}


@pytest.mark.timeout(600)
def test_missing_kernels_are_compiled_for_any_level_and_kept(tmp_path: Path) -> None:
    """For a processor that need not be this one: compiled, not run."""
    folder = tmp_path / "key" / "generic"
    codes = object_codes(Target("generic", ""), (folder,))
    assert set(codes) == EVERY
    assert object_codes(Target("generic", ""), (folder,)) == codes
