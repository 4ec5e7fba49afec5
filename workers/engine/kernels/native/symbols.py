"""What compiled kernels call, by name: BLAS, and what a compiler's own library would offer."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

from llvmlite import binding

from workers.engine.kernels.native.interface import DGEMM, SGEMM

BLAS_PACKAGE = "scipy"
"""Whose BLAS the compiled products call."""

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


def provide_blas() -> None:
    """Make the matrix products known to what this process compiles or loads."""
    binding.add_symbol(SGEMM, _address("sgemm"))
    binding.add_symbol(DGEMM, _address("dgemm"))


def provide_library() -> None:
    """Make the rest known, in a process that has no compiler."""
    process = ctypes.CDLL(None)
    for name in _FROM_C:
        binding.add_symbol(name, ctypes.cast(getattr(process, name), ctypes.c_void_p).value)
    end = ctypes.cast(process.abort, ctypes.c_void_p).value
    for name in _NEVER_CALLED:
        binding.add_symbol(name, end)


def _address(name: str) -> int:
    """Where a function of `scipy.linalg.cython_blas` lies, which exports it for others to call."""
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
    package = find_spec(BLAS_PACKAGE)
    folders = package.submodule_search_locations if package is not None else None
    places = [str(Path(folder) / "linalg") for folder in folders or ()]
    spec = PathFinder.find_spec("cython_blas", places)
    if spec is None or spec.loader is None:
        raise ImportError("SciPy has no cython_blas")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
