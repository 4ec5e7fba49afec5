"""Compiled dropout masks have the bits of the reference."""

from __future__ import annotations

import numpy as np
import pytest

from workers.engine import philox
from workers.engine.kernels.compiled import COMPILED
from workers.engine.tensors import Memory


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (16, 8), (33, 7)])
@pytest.mark.parametrize("batch", [1, 2**32 + 5])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_mask_has_the_bits_of_the_reference(
    shape: tuple[int, int], batch: int, precision: str
) -> None:
    memory = Memory(np, np.dtype(precision))
    assert COMPILED.mask is not None
    for seeds in ((2**63 - 1,), (1, 2, 2**40)):
        full = shape if len(seeds) == 1 else (len(seeds), *shape)
        found, expected = memory.empty(full), memory.empty(full)
        COMPILED.mask(memory, full, seeds, 2, 0.3)(batch, found)
        philox.Mask(memory, full, seeds, 2, 0.3)(batch, expected)
        assert found.tobytes() == expected.tobytes()
