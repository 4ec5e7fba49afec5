"""The array library that computes: NumPy on one core, its products by a BLAS with one thread.

One thread per process: scale is by processes, and the order of a sum, so its last bits, depends on
the number of threads. Another array library (CuPy) would stand beside this file, not inside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import threadpoolctl

if TYPE_CHECKING:
    from workers.engine.spec import Precision

DType = np.dtype[np.floating]


class BlasThreadsError(RuntimeError):
    """The process was started without OPENBLAS_NUM_THREADS=1, so its bits are not reproducible."""


@dataclass(frozen=True)
class Blas:
    """One loaded BLAS: its `kernel` is the code path chosen for this processor."""

    library: str
    version: str
    kernel: str
    threads: int


def dtype_of(precision: Precision) -> DType:
    """The array type in which a run of this precision computes."""
    return np.dtype(np.float32 if precision == "float32" else np.float64)


def blas_libraries(package: str = "numpy") -> tuple[Blas, ...]:
    """The BLAS that a package computes with; all that the process has loaded where it is not told.

    A wheel of NumPy or SciPy brings its own, in a folder of its name.
    """
    loaded = [found for found in threadpoolctl.threadpool_info() if found["user_api"] == "blas"]
    own = [found for found in loaded if Path(found["filepath"]).parent.name.startswith(package)]
    return tuple(
        Blas(
            library=str(found["internal_api"]),
            version=str(found["version"]),
            kernel=str(found.get("architecture", "unknown")),
            threads=int(found["num_threads"]),
        )
        for found in own or loaded
    )


def require_one_blas_thread() -> None:
    """Raise BlasThreadsError unless every loaded BLAS runs one thread (asked once, at start)."""
    for blas in blas_libraries():
        if blas.threads != 1:
            message = f"{blas.library} runs {blas.threads} threads; set OPENBLAS_NUM_THREADS=1"
            raise BlasThreadsError(message)
