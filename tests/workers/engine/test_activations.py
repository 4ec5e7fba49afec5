"""Activation kernels: special values, precision, and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from workers.engine.kernels.plain import PLAIN

if TYPE_CHECKING:
    from workers.engine.backend import DType

DTYPES: list[DType] = [np.dtype(np.float32), np.dtype(np.float64)]
ACTIVATIONS = sorted(PLAIN.activations)


def test_relu_has_no_slope_at_zero() -> None:
    """The convention ReLU'(0) = 0, also for a negative zero."""
    z, da = np.array([[-1.0, -0.0, 0.0, 2.0]]), np.array([[5.0, 6.0, 7.0, -8.0]])
    relu = PLAIN.activations["relu"](z.shape, z.dtype)
    relu.forward(z)
    relu.backward(z, da)
    assert z.tolist() == [[0.0, 0.0, 0.0, 2.0]]
    assert da.tolist() == [[0.0, 0.0, 0.0, -8.0]]


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_nan_is_never_hidden(name: str, dtype: DType) -> None:
    for nan in (np.nan, -np.nan):
        z = np.full((3, 5), 0.5, dtype)
        z[1, 2] = nan
        PLAIN.activations[name](z.shape, z.dtype).forward(z)
        assert np.isnan(z[1, 2])
        assert np.isfinite(z[[0, 2]]).all()


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softmax"])
def test_saturated_units_are_exact_and_finite(name: str) -> None:
    z = np.array([[-1e4, 1e4], [1e4, -1e4]])
    with np.errstate(over="ignore"):
        PLAIN.activations[name](z.shape, z.dtype).forward(z)
    low = -1.0 if name == "tanh" else 0.0
    assert z.tolist() == [[low, 1.0], [1.0, low]]


def test_sigmoid_keeps_small_probabilities() -> None:
    z = np.array([[-40.0, -700.0]])
    PLAIN.activations["sigmoid"](z.shape, z.dtype).forward(z)
    np.testing.assert_allclose(z, np.exp([[-40.0, -700.0]]), rtol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_single_precision_follows_double_precision(name: str) -> None:
    """Gate: 1e-5, forward and backward, on inputs that both precisions hold exactly."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, (33, 17)).astype(np.float32)
    da = rng.normal(size=z.shape).astype(np.float32)
    found = []
    for dtype in DTYPES:
        a, dz = z.astype(dtype), da.astype(dtype)
        kernel = PLAIN.activations[name](a.shape, a.dtype)
        kernel.forward(a)
        kernel.backward(a, dz)
        found.append((a, dz))
    for single, double in zip(*found, strict=True):
        np.testing.assert_allclose(single, double, rtol=1e-5, atol=1e-5)
