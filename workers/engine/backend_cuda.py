"""The GPU as a place to compute: which one, how much of its memory, and copies to and from it.

Imported by the processes of a GPU worker alone, after their fork: a CUDA context does not survive
one. One stream and no atomics, so that the same GPU with the same libraries gives the same bits.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import cupy
import cupyx
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engine.backend import DType
    from workers.engine.tensors import Array, Shape

_MEMORY_PART = 0.9
"""The rest is left to the context, the libraries' workspaces and others on the same GPU."""

_TABLE_PART = 0.5
"""Of what is then free, what a table may take; a larger one stays on the host."""


class NoGpuError(RuntimeError):
    """There is no GPU that CUDA can use; the message says what CUDA says."""


def is_available() -> bool:
    """Whether CUDA finds a GPU; never raises."""
    return bool(cupy.cuda.is_available())


def take_gpu() -> None:
    """Open the first visible GPU (`CUDA_VISIBLE_DEVICES`) and bound the memory taken of it.

    A run that needs more gets CuPy's OutOfMemoryError, a MemoryError.

    Raises:
        NoGpuError: there is none, or its driver is older than CUDA needs.
    """
    # Both are read when CUDA starts: without them neither repetitions nor precisions are exact.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    os.environ["CUPY_TF32"] = "0"
    try:
        cupy.cuda.Device(0).use()
        cupy.zeros(1)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise NoGpuError(f"no GPU can be used: {error}") from error
    cupy.get_default_memory_pool().set_limit(fraction=_MEMORY_PART)


def numerics() -> dict[str, Any]:
    """What decides the bits beside the host: the GPU's model and its libraries."""
    properties = cupy.cuda.runtime.getDeviceProperties(0)
    return {
        "device": properties["name"].decode(),
        "compute_capability": f"{properties['major']}.{properties['minor']}",
        "cupy": cupy.__version__,
        "cuda": cupy.cuda.runtime.runtimeGetVersion(),
        "cuda_driver": cupy.cuda.runtime.driverGetVersion(),
        "cublas": cupy.cuda.cublas.getVersion(cupy.cuda.device.get_cublas_handle()),
    }


def memory_bytes() -> int:
    """How much of the GPU's memory trainings may take."""
    _, total = cupy.cuda.Device().mem_info
    return int(_MEMORY_PART * total)


def to_host(array: Any) -> Any:
    """A copy on the host, when everything that the GPU was told before is done."""
    return cupy.asnumpy(array)


def to_device(array: Any) -> Any:
    """The same numbers on the GPU; an array that is there already is returned itself."""
    return cupy.asarray(array)


def holds(n_bytes: int) -> bool:
    """Whether a table of this size may lie on the GPU as a whole."""
    pool = cupy.get_default_memory_pool()
    free_bytes, _ = cupy.cuda.Device().mem_info
    reusable = pool.total_bytes() - pool.used_bytes()
    limit = pool.get_limit() or free_bytes + reusable
    room = min(free_bytes + reusable, limit - pool.used_bytes())
    return bool(n_bytes <= _TABLE_PART * room)


class PinnedRows:
    """Page-locked memory of the host, from which the GPU copies at the bus's full speed."""

    def __init__(self, shape: Shape, dtype: DType) -> None:
        self.rows: NDArray[Any] = cupyx.empty_pinned(shape, np.dtype(dtype))

    def send(self, count: int, target: Array) -> None:
        """Copy the first rows to an array of the GPU; they may be overwritten afterwards."""
        target.set(self.rows[:count])  # type: ignore[attr-defined]
        cupy.cuda.get_current_stream().synchronize()
