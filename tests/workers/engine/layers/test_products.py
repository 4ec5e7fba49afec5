"""Products of stacks against those of their members: the same bits, also the sign of a zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workers.engine.kernels.plain import PLAIN
from workers.engine.layers.layer import Workplace
from workers.engine.layers.products import RowProduct, product_for, transposed
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


@pytest.mark.parametrize("members", [(), (2,)])
@pytest.mark.parametrize("per_product", [1, 3, 8, 20])
def test_rows_are_taken_so_many_at_a_time(per_product: int, members: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(*members, 20, 4)), rng.normal(size=(*members, 4, 5))
    seen: list[int] = []

    def product(a: Any, b: Any, out: Any) -> None:
        seen.append(a.shape[-2])
        np.matmul(a, b, out=out)

    out = np.empty((*members, 20, 5))
    RowProduct(product, BatchRows(20, per_product), W, out)(X)
    np.testing.assert_allclose(out, X @ W, rtol=1e-13)
    assert max(seen) == per_product
    assert sum(seen) == 20


def _with_zeros(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    values = rng.normal(size=shape)
    kinds = rng.integers(0, 4, shape)
    values[kinds == 0], values[kinds == 1] = 0.0, -0.0
    return values.astype(dtype)
