"""Compiled orders of the rows are NumPy's permutations."""

from __future__ import annotations

import numpy as np
import pytest

from workers.engine.kernels.native.library import kernel
from workers.engine.rng import Purpose, generator


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 8, 9, 10, 64, 65, 1000, 4097])
def test_an_order_is_that_of_the_reference(n_rows: int, precision: str) -> None:
    shuffle = kernel("shuffle", np.dtype(precision))
    seeds = np.array([0, 2**63 - 1, 7], np.uint64)
    for epoch in (0, 5, 2**40):
        found = np.zeros((len(seeds), n_rows), np.int64)
        addresses = found.ctypes.data, seeds.ctypes.data
        shuffle(*found.shape, *addresses, Purpose.SHUFFLE, epoch)
        for seed, order in zip(seeds.tolist(), found, strict=True):
            expected = generator(seed, Purpose.SHUFFLE, epoch).permutation(n_rows)
            np.testing.assert_array_equal(order, expected)


def test_a_table_without_rows_has_an_order() -> None:
    seeds = np.zeros(1, np.uint64)
    kernel("shuffle", np.dtype("float32"))(1, 0, 0, seeds.ctypes.data, Purpose.SHUFFLE, 0)
