"""What compiled kernels call, by name: BLAS, and what a compiler's own library would offer."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import binding
from threadpoolctl import threadpool_info

from workers.engine.kernels.native.interface import DGEMM, SGEMM

_ROUTINES = {SGEMM: "sgemm", DGEMM: "dgemm"}

_SCIPY = "scipy"

_FROM_C = ("erfc", "memcpy", "memmove", "memset")

_NEVER_CALLED = (
    "NRT_Free",
    "NRT_MemInfo_call_dtor",
    "PyBytes_FromStringAndSize",
    "PyErr_Clear",
    "PyErr_SetNone",
    "PyErr_SetString",
    "PyErr_WriteUnraisable",
    "PyExc_RuntimeError",
    "PyExc_StopIteration",
    "PyExc_SystemError",
    "PyUnicode_FromString",
    "Py_DecRef",
    "numba_do_raise",
    "numba_gil_ensure",
    "numba_gil_release",
    "numba_runtime_build_excinfo_struct",
    "numba_unpickle",
)
"""Numba links these into every function, for memory and errors that kernels do not have."""


@cache
def provide_blas() -> str:
    """Make the matrix products known to what this process loads; the package whose they are.

    NumPy's own where it is the OpenBLAS of its wheels: then all products of a process are of one
    library. Else SciPy's, which exports them for others.
    """
    package, addresses = np.__name__, _of_numpy()
    if not addresses:
        package, addresses = _SCIPY, {name: _of_scipy(of) for name, of in _ROUTINES.items()}
    for name, address in addresses.items():
        binding.add_symbol(name, address)
    return package


def provide_library() -> None:
    """Make the rest known, in a process that has no compiler."""
    process = ctypes.CDLL(None)
    for name in _FROM_C:
        binding.add_symbol(name, _address(process, name))
    for name in _NEVER_CALLED:
        binding.add_symbol(name, _address(process, "abort"))


def _of_numpy() -> dict[str, int]:
    """The addresses by our names; none where NumPy has another BLAS."""
    for found in threadpool_info():
        if Path(found["filepath"]).parent.name.startswith(np.__name__):
            library = ctypes.CDLL(found["filepath"])
            routines = {name: f"scipy_{of}_64_" for name, of in _ROUTINES.items()}
            if all(hasattr(library, routine) for routine in routines.values()):
                return {name: _address(library, routine) for name, routine in routines.items()}
    return {}


def _address(library: ctypes.CDLL, name: str) -> int:
    return int(ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0)


def _of_scipy(name: str) -> int:
    """The address of a function of `scipy.linalg.cython_blas`."""
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    capsule = _cython_blas().__pyx_capi__[name]
    return int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))


@cache
def _cython_blas() -> Any:
    """The module itself, without the package around it, which takes 30 MB."""
    package = find_spec(_SCIPY)
    folders = package.submodule_search_locations if package is not None else None
    places = [str(Path(folder) / "linalg") for folder in folders or ()]
    spec = PathFinder.find_spec("cython_blas", places)
    if spec is None or spec.loader is None:
        raise ImportError("SciPy has no cython_blas")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
