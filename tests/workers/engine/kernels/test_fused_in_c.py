"""What the guard reads in the bodies of the kernels is what a C++ compiler makes of them."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.workers.engine.guard.kernels import Transfers, compile_on_host, parameters
from tests.workers.engine.kernels.fused_catalogue import KERNELS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workers.engine.kernels.fused.elementwise import Elementwise

COMPILERS = [compiler for compiler in ("g++",) if shutil.which(compiler)]
PRECISIONS = {"float": ("float32", 2e-6), "double": ("float64", 1e-14)}
N_ELEMENTS = 96
_C_TYPES = {"int64": "long long", "uint32": "unsigned int"}
_PREAMBLE = """
#include <cmath>
using std::exp; using std::expm1; using std::log; using std::log1p; using std::tanh;
using std::sqrt; using std::fabs; using std::pow; using std::erfc;
static inline unsigned int __umulhi(unsigned int a, unsigned int b) {
    return (unsigned int)(((unsigned long long)a * b) >> 32);
}
"""


@pytest.fixture(scope="module", params=COMPILERS)
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All kernels in both precisions, without the fused multiply-adds that NumPy has not either."""
    folder: Path = tmp_path_factory.mktemp("fused")
    source = folder / "fused.cpp"
    functions = [_function(kernel, real) for kernel in KERNELS for real in PRECISIONS]
    source.write_text(_PREAMBLE + "\n".join(functions))
    flags = ("-O1", "-ffp-contract=off", "-fPIC", "-shared", "-o", str(folder / "fused.so"))
    subprocess.run([request.param, *flags, str(source)], check=True)
    return ctypes.CDLL(str(folder / "fused.so"))


@pytest.mark.parametrize("real", PRECISIONS)
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_a_body_means_in_cpp_what_the_guard_computes(
    library: Any, kernel: Elementwise, real: str
) -> None:
    precision, tolerance = PRECISIONS[real]
    arrays = _arguments(kernel, np.dtype(precision))
    transfers = Transfers()
    on_guard = [transfers.to_device(array) for array in arrays]
    compile_on_host(kernel)(*on_guard)

    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
    getattr(library, f"{kernel.name}_{real}")(*pointers, ctypes.c_longlong(N_ELEMENTS))
    for array, twin in zip(arrays, on_guard, strict=True):
        np.testing.assert_allclose(transfers.to_host(twin), array, tolerance, tolerance)


@pytest.mark.parametrize("real", PRECISIONS)
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_an_output_may_be_the_array_of_an_input(
    library: Any, kernel: Elementwise, real: str
) -> None:
    dtype = np.dtype(PRECISIONS[real][0])
    call = getattr(library, f"{kernel.name}_{real}")
    n_reads = len(parameters(kernel.reads))
    readable = [i for i, (kind, _) in enumerate(parameters(kernel.reads)) if kind == "T"]
    for source in readable:
        apart, together = (_arguments(kernel, dtype) for _ in range(2))
        # The last output is the one that the engine puts over an input.
        apart[-1][...] = apart[source]
        together[-1] = together[source]
        for arrays in (apart, together):
            pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
            call(*pointers, ctypes.c_longlong(N_ELEMENTS))
        for one, other in zip(apart[n_reads:], together[n_reads:], strict=True):
            np.testing.assert_array_equal(one, other)


def _function(kernel: Elementwise, real: str) -> str:
    declared: list[str] = []
    elements: list[str] = []
    for declaration, qualifier in ((kernel.reads, "const "), (kernel.writes, "")):
        for kind, name in parameters(declaration):
            c_type = _C_TYPES.get(kind, real)
            declared.append(f"{qualifier}{c_type} *_{name}")
            # By reference, as CuPy does it: what a body writes it may read again, changed.
            elements.append(f"{qualifier}{c_type} &{name} = _{name}[i];")
    return (
        f'extern "C" void {kernel.name}_{real}({", ".join(declared)}, long long n) {{\n'
        f"typedef {real} T; for (long long i = 0; i < n; ++i) {{\n"
        f"{' '.join(elements)}\n{kernel.body}\n}} }}"
    )


def _arguments(kernel: Elementwise, dtype: np.dtype[Any]) -> list[Any]:
    """Numbers in the range of what each parameter stands for, the same at every call."""
    random = np.random.default_rng(5)
    return [
        _draw(kind, name, random).astype(dtype if kind == "T" else _INTEGERS[kind])
        for declaration in (kernel.reads, kernel.writes)
        for kind, name in parameters(declaration)
    ]


_INTEGERS = {"int64": np.int64, "uint32": np.uint32}
_FRACTIONS = {"parameter", "smoothing", "beta1", "beta2", "rho", "alpha", "momentum", "others"}
_POSITIVE = {"total", "sum", "v", "u", "epsilon", "classes", "gamma", "least", "rate", "scale"}


def _draw(kind: str, name: str, random: np.random.Generator) -> Any:
    n = N_ELEMENTS
    ranges: dict[str, Callable[[], Any]] = {
        "elements": lambda: np.full(n, 40),
        "dropped": lambda: np.full(n, 2**31),
        "at_label": lambda: -random.random(n),
    }
    if name in ranges:
        return ranges[name]()
    if kind == "uint32":
        return random.integers(0, 2**32, n)
    if kind == "int64":
        return random.integers(0, 3, n)
    if name in _FRACTIONS:
        return random.uniform(0.1, 0.9, n)
    if name in _POSITIVE:
        return random.uniform(0.5, 2.0, n)
    return random.normal(0.0, 2.0, n)
