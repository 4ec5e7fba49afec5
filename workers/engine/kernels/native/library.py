"""The compiled kernels in this process, as functions that hold no lock while they run."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import TYPE_CHECKING, Any

from llvmlite import binding

from workers.engine.kernels.native.compiling import object_codes
from workers.engine.kernels.native.folders import candidates
from workers.engine.kernels.native.interface import ENTRIES, PRECISIONS
from workers.engine.kernels.native.pages import give_back_code
from workers.engine.kernels.native.processor import this_target
from workers.engine.kernels.native.symbols import provide_blas, provide_library

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.backend import DType

_ENGINES: list[Any] = []

_KINDS: dict[str, Any] = {"i": ctypes.c_int64, "d": ctypes.c_double, "v": None}


def kernel(name: str, dtype: DType) -> Callable[..., Any]:
    """One of `interface.ENTRIES` for a precision, loaded with all others when first asked for."""
    return load()[f"{name}-{dtype.name}"]


@cache
def load() -> dict[str, Callable[..., Any]]:
    """Every kernel by its name and precision, compiled first where that was never done.

    To be called before a process says that it is ready, and before it forks: children share them.
    """
    target = this_target()
    codes = object_codes(target, candidates(os.environ, target.cpu))
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    provide_blas()
    provide_library()
    functions = {}
    # Each by itself: the two compilers gave their functions the same names.
    for precision in PRECISIONS:
        names = [name for name in codes if name.endswith(precision)]
        engine = _engine([codes[name].data for name in names])
        for name in names:
            functions[name] = _function(name, engine.get_function_address(codes[name].symbol))
        _ENGINES.append(engine)
    give_back_code("libllvmlite")
    return functions


def _engine(object_files: list[bytes]) -> Any:
    """What lays machine code out in memory, where it stays as long as this lives."""
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    for data in object_files:
        engine.add_object_file(binding.ObjectFileRef.from_data(data))
    engine.finalize_object()
    return engine


def _function(name: str, address: int) -> Callable[..., Any]:
    kind = ENTRIES[name.partition("-")[0]]
    arguments = (_KINDS[letter] for letter in kind.arguments)
    return ctypes.CFUNCTYPE(_KINDS[kind.result], *arguments)(address)
