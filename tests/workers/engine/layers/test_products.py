"""Products of stacks against those of their members: the same bits, also the sign of a zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workers.engine.kernels.plain import PLAIN
from workers.engine.layers.layer import Workplace
from workers.engine.layers.products import (
    RowProduct,
    product_for,
    rows_at_a_time,
    transposed,
)
from workers.engine.tensors import BatchRows, Memory

SIZES = (1, 2, 3, 8, 17, 64)
MEMBERS = 3


def place(n_rows: int, members: tuple[int, ...], dtype: np.dtype[Any]) -> Workplace:
    rows = BatchRows(n_rows, n_rows)
    return Workplace(rows, {}, None, PLAIN, Memory(np, dtype), members, (0,))


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
@pytest.mark.parametrize("n_rows", SIZES)
def test_a_stack_has_the_bits_of_its_members(n_rows: int, dtype: np.dtype[Any]) -> None:
    rng = np.random.default_rng(n_rows)
    together = product_for(place(n_rows, (MEMBERS,), dtype))
    alone = product_for(place(n_rows, (), dtype))
    ones = np.ones(n_rows, dtype)
    for inputs in SIZES:
        for units in SIZES:
            X, W, dz = (
                _with_zeros(rng, (MEMBERS, *shape), dtype)
                for shape in ((n_rows, inputs), (inputs, units), (n_rows, units))
            )
            for a, b, shape in (
                (X, W, (n_rows, units)),
                (transposed(X), dz, (inputs, units)),
                (dz, transposed(W), (n_rows, inputs)),
                (np.broadcast_to(ones, (MEMBERS, n_rows)), dz, (units,)),
            ):
                stacked = np.empty((MEMBERS, *shape), dtype)
                together(a[0] if a.ndim == 2 else a, b, out=stacked)
                for member in range(MEMBERS):
                    single = np.empty(shape, dtype)
                    alone(a[member], b[member], out=single)
                    assert single.tobytes() == stacked[member].tobytes()


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
@pytest.mark.parametrize("shape", [(4, 16), (30, 2), (784, 10), (700, 130), (2048, 10), (600, 1)])
def test_many_rows_at_a_time_have_the_bits_of_few(
    shape: tuple[int, int], dtype: np.dtype[Any]
) -> None:
    """Other numbers than those of the probe."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(256, shape[0])).astype(dtype)
    W = rng.normal(size=shape).astype(dtype)
    together = np.empty((256, shape[1]), dtype)
    RowProduct(np.dot, BatchRows(256, 8), W, together)(X)
    apart = np.empty_like(together)
    for start in range(0, 256, 8):
        np.dot(X[start : start + 8], W, out=apart[start : start + 8])
    assert together.tobytes() == apart.tobytes()


@pytest.mark.parametrize("members", [(), (2,)])
@pytest.mark.parametrize("per_product", [1, 3, 8, 20])
def test_all_rows_are_taken(per_product: int, members: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(*members, 20, 4)), rng.normal(size=(*members, 4, 5))
    out = np.empty((*members, 20, 5))
    RowProduct(np.matmul, BatchRows(20, per_product), W, out)(X)
    np.testing.assert_allclose(out, X @ W, rtol=1e-13)


def test_rows_are_taken_a_few_at_a_time_where_more_have_other_bits() -> None:
    """A product that adds in another order for more than 16 rows."""
    rows, shape = BatchRows(64, 8), (50, 3)
    dtype = np.dtype(np.float64)

    def product(a: Any, b: Any, out: Any) -> None:
        a, b = (a, b) if len(a) <= 16 else (a[:, ::-1], b[::-1])
        np.matmul(a, b, out=out)

    assert rows_at_a_time(rows, shape, dtype, product) == 16


def _with_zeros(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    values = rng.normal(size=shape)
    kinds = rng.integers(0, 4, shape)
    values[kinds == 0], values[kinds == 1] = 0.0, -0.0
    return values.astype(dtype)
