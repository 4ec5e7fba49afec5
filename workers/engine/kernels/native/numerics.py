"""What the bits of compiled kernels depend on."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from workers.engine.backend import blas_libraries
from workers.engine.kernels.native.folders import key
from workers.engine.kernels.native.processor import this_target
from workers.engine.kernels.native.symbols import provide_blas


def numerics() -> dict[str, Any]:
    """Plain data: compiler with source, the level of processors, and the BLAS that they call."""
    package = provide_blas()
    return {
        "compiled": key(),
        "compiled_for": this_target().cpu,
        "compiled_blas": [asdict(blas) for blas in blas_libraries(package)],
        "compiled_blas_of": f"{package} {version(package)}",
    }
