"""What decides the bits of a run besides specification, data and seed."""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.backend import blas_libraries
from workers.engine.kernels.plain import PLAIN

if TYPE_CHECKING:
    import numpy.typing as npt

    from workers.engine.kernels.contract import Kernels

ENGINE_VERSION = "3"
"""Raised with every change after which the same run may give other bits."""


def numerics_fingerprint(dtype: npt.DTypeLike, kernels: Kernels = PLAIN) -> dict[str, Any]:
    """Plain data; two processes with equal fingerprints give equal bits for the same run."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    return {
        "engine": ENGINE_VERSION,
        "kernels": kernels.name,
        "dtype": np.dtype(dtype).name,
        "device": "cpu",
        "machine": platform.machine(),
        "numpy": np.__version__,
        "blas": [asdict(blas) for blas in blas_libraries()],
        "simd": [*simd.get("baseline", []), *simd.get("found", [])],
        **kernels.numerics,
    }
