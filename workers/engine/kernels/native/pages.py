"""Giving back the memory of a library that has done its work."""

from __future__ import annotations

import ctypes
import mmap
import sys
from pathlib import Path

_MAPS = Path("/proc/self/maps")


def give_back_code(library: str) -> None:
    """Forget what this process has in memory of a shared library's code, by a part of its name.

    Whatever is called again comes back from the file. Loading machine code touches 30 MB of LLVM
    that nothing touches afterwards.
    """
    if sys.platform != "linux":
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for line in _MAPS.read_text().splitlines():
        # Code alone was never written to: of data, what was written would be lost.
        if library in line and " r-xp " in line:
            start, end = (int(address, 16) for address in line.split()[0].split("-"))
            madvise(start, end - start, mmap.MADV_DONTNEED)
