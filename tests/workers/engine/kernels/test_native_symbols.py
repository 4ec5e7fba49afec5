"""Either BLAS gives the products that compiled code asks for, with whole numbers of 64 bits."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from workers.engine.kernels.native import symbols
from workers.engine.kernels.native.interface import DGEMM

if TYPE_CHECKING:
    from workers.engine.tensors import Array


def product(address: int, a: Array, b: Array) -> Array:
    """a b, asked for as compiled code does."""
    (m, k), n = a.shape, b.shape[1]
    out = np.full((m, n), np.nan)
    letter, one, none = ctypes.c_char(b"N"), ctypes.c_double(1.0), ctypes.c_double(0.0)
    m_, n_, k_ = (ctypes.c_int64(number) for number in (m, n, k))
    by_address: list[Any] = [letter, letter, n_, m_, k_, one, b, n_, a, k_, none, out, n_]
    gemm = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(address)
    gemm(*(x.ctypes.data if isinstance(x, np.ndarray) else ctypes.addressof(x) for x in by_address))
    return out


@pytest.mark.parametrize("package", ["numpy", "scipy"])
def test_a_product_is_that_of_the_matrices(package: str) -> None:
    rng = np.random.default_rng(8)
    a, b = rng.normal(size=(7, 5)), rng.normal(size=(5, 3))
    of_numpy = symbols._of_numpy()
    if package == "numpy" and not of_numpy:
        assert symbols.provide_blas() == "scipy"
        return
    address = of_numpy[DGEMM] if package == "numpy" else symbols._of_scipy("dgemm")
    np.testing.assert_allclose(product(address, a, b), a @ b, rtol=1e-13)
