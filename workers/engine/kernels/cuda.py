"""The hot loops on a GPU: the fused kernels, compiled by CuPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cupy

from workers.engine import backend_cuda
from workers.engine.kernels.contract import Upload
from workers.engine.kernels.fused import Device, fused_kernels

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Kernels
    from workers.engine.kernels.fused.elementwise import Elementwise, Launch


def cuda_kernels() -> Kernels:
    """The kernels for the GPU that `backend_cuda.take_gpu` opened."""
    return fused_kernels(
        Device(
            name="cuda",
            xp=cupy,
            compile=_compile,
            to_host=backend_cuda.to_host,
            to_device=backend_cuda.to_device,
            upload=Upload(backend_cuda.holds, backend_cuda.PinnedRows),
            numerics=backend_cuda.numerics(),
        )
    )


def _compile(kernel: Elementwise) -> Launch:
    """Compiled by NVRTC at its first launch, and kept in `CUPY_CACHE_DIR` from then on."""
    compiled = cupy.ElementwiseKernel(
        kernel.reads, kernel.writes, kernel.body, kernel.name, no_return=True
    )
    return cast("Launch", compiled)
