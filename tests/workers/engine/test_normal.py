"""The normal distribution's density and tail against the error function of the C library."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from workers.engine.kernels.plain.normal import NormalTail
from workers.engine.tensors import Memory

if TYPE_CHECKING:
    from workers.engine.backend import DType


@pytest.mark.parametrize(
    ("dtype", "of_the_tail", "absolute"),
    [(np.dtype(np.float32), 2e-6, 2.5e-7), (np.dtype(np.float64), 2e-14, 3e-15)],
)
def test_density_and_tail_are_right_in_their_own_digits(
    dtype: DType, of_the_tail: float, absolute: float
) -> None:
    """Relative to the tail up to 5 standard deviations, in absolute terms anywhere."""
    x = np.linspace(0.0, 60.0, 6001).astype(dtype)
    density, tail = np.empty_like(x), np.empty_like(x)
    NormalTail(Memory(np, dtype), x.shape)(x, density, tail)
    exact = np.array([0.5 * math.erfc(v / math.sqrt(2.0)) for v in x.tolist()])
    phi = np.array([math.exp(-v * v / 2.0) / math.sqrt(2.0 * math.pi) for v in x.tolist()])
    np.testing.assert_allclose(tail, exact, rtol=0.0, atol=absolute)
    np.testing.assert_allclose(density, phi, rtol=0.0, atol=absolute)
    near = x < 5.0
    np.testing.assert_allclose(tail[near], exact[near], rtol=of_the_tail)
