"""What the bits of compiled kernels depend on."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from workers.engine.backend import blas_libraries
from workers.engine.kernels.native import symbols
from workers.engine.kernels.native.folders import key
from workers.engine.kernels.native.processor import this_target


def numerics() -> dict[str, Any]:
    """Plain data: compiler with source, the level of processors, and the BLAS that they call."""
    symbols.provide_blas()
    return {
        "compiled": key(),
        "compiled_for": this_target().cpu,
        "scipy": version("scipy"),
        "compiled_blas": [asdict(blas) for blas in blas_libraries(symbols.BLAS_PACKAGE)],
    }
