"""Activation kernels against their formulas, at the ends of the number line, and in memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from workers.engine import spec
from workers.engine.kernels.plain import PLAIN
from workers.engine.tensors import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workers.engine.backend import DType
    from workers.engine.kernels.contract import ActivationKernel
    from workers.engine.tensors import Array

DTYPES: list[DType] = [np.dtype(np.float32), np.dtype(np.float64)]
PRELU_SLOPES = (0.25, -0.5, 0.0, 1.5, 0.1)
NAMES = sorted(spec.ACTIVATIONS)
POINTWISE = sorted(set(NAMES) - {"softmax", "prelu"})
ROOT_2, ROOT_2_PI = math.sqrt(2.0), math.sqrt(2.0 * math.pi)


def sigmoid(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z)) if z > 0 else math.exp(z) / (1.0 + math.exp(z))


def softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def mish_slope(z: float) -> float:
    t = math.tanh(softplus(z))
    return t + z * (1.0 - t * t) * sigmoid(z)


def gelu_slope(z: float) -> float:
    return 0.5 * math.erfc(-z / ROOT_2) + z * math.exp(-z * z / 2.0) / ROOT_2_PI


FORMULAS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "identity": (lambda z: z, lambda _: 1.0),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "tanh": (math.tanh, lambda z: 1.0 - math.tanh(z) ** 2),
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "leaky_relu": (lambda z: z if z > 0 else 0.01 * z, lambda z: 1.0 if z > 0 else 0.01),
    "elu": (
        lambda z: z if z > 0 else math.expm1(z),
        lambda z: 1.0 if z > 0 else math.exp(z),
    ),
    "selu": (
        lambda z: 1.0507009873554805 * (z if z > 0 else 1.6732632423543772 * math.expm1(z)),
        lambda z: 1.0507009873554805 * (1.0 if z > 0 else 1.6732632423543772 * math.exp(z)),
    ),
    "gelu": (lambda z: 0.5 * z * math.erfc(-z / ROOT_2), gelu_slope),
    "silu": (
        lambda z: z * sigmoid(z),
        lambda z: sigmoid(z) * (1.0 + z * sigmoid(-z)),
    ),
    "mish": (lambda z: z * math.tanh(softplus(z)), mish_slope),
    "softplus": (softplus, sigmoid),
    "exponential": (math.exp, math.exp),
}


def kernel_for(
    name: str, z: Array, slopes: Sequence[float] = PRELU_SLOPES
) -> tuple[ActivationKernel, Array]:
    """The kernel for arrays like z, and where PReLU leaves the gradient of its slopes."""
    memory = Memory(np, z.dtype)
    gradient = np.full(z.shape[-1], np.nan, z.dtype)
    if name == "prelu":
        return PLAIN.prelu(memory, z.shape, np.array(slopes, z.dtype), gradient), gradient
    return PLAIN.activations[name](memory, z.shape, True), gradient


def test_every_activation_of_the_catalogue_is_checked_here() -> None:
    assert set(FORMULAS) | {"softmax", "prelu"} == set(spec.ACTIVATIONS)
    assert set(PLAIN.activations) == set(spec.ACTIVATIONS) - {"prelu"}


@pytest.mark.parametrize("name", POINTWISE)
def test_values_and_slopes_are_those_of_the_formula(name: str) -> None:
    rng = np.random.default_rng(0)
    points = [*np.linspace(-30.0, 30.0, 241), *rng.normal(0.0, 3.0, 200), 1e-9, -1e-9, 1e-300]
    z = np.array(points).reshape(4, -1)
    da = rng.normal(size=z.shape)
    value, slope = FORMULAS[name]
    a, dz = z.copy(), da.copy()
    kernel, _ = kernel_for(name, z)
    kernel.forward(a)
    kernel.backward(a, dz)
    np.testing.assert_allclose(a, np.vectorize(value)(z), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(dz, da * np.vectorize(slope)(z), rtol=1e-12, atol=1e-14)


def test_prelu_has_a_slope_of_its_own_for_every_unit() -> None:
    """Also where the slope is negative or 0, so that the sign of z is not to be seen in a."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(7, len(PRELU_SLOPES)))
    da, slopes = rng.normal(size=z.shape), np.array(PRELU_SLOPES)
    a, dz = z.copy(), da.copy()
    kernel, d_slopes = kernel_for("prelu", z)
    kernel.forward(a)
    kernel.backward(a, dz)
    np.testing.assert_allclose(a, np.where(z > 0, z, slopes * z), rtol=1e-15)
    np.testing.assert_allclose(dz, np.where(z > 0, da, slopes * da), rtol=1e-15)
    np.testing.assert_allclose(d_slopes, np.where(z > 0, 0.0, da * z).sum(axis=0), rtol=1e-12)


def test_softmax_goes_back_through_its_whole_jacobian() -> None:
    rng = np.random.default_rng(2)
    z, da = rng.normal(0.0, 3.0, (6, 5)), rng.normal(size=(6, 5))
    powers = np.exp(z)
    expected = powers / powers.sum(axis=1, keepdims=True)
    a, dz = z.copy(), da.copy()
    kernel, _ = kernel_for("softmax", z)
    kernel.forward(a)
    kernel.backward(a, dz)
    np.testing.assert_allclose(a, expected, rtol=1e-13)
    for row in range(len(z)):
        y = expected[row]
        jacobian = np.diag(y) - np.outer(y, y)
        np.testing.assert_allclose(dz[row], jacobian @ da[row], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "prelu", "elu", "selu"])
def test_the_kink_at_zero_takes_the_slope_from_below(name: str) -> None:
    """The convention ReLU'(0) = 0, and its kin alike; also for a negative zero."""
    z, da = np.array([[-0.0, 0.0]]), np.array([[6.0, 7.0]])
    below = FORMULAS[name][1](0.0) if name in FORMULAS else PRELU_SLOPES[0]
    kernel, _ = kernel_for(name, z, PRELU_SLOPES[:1] * 2)
    kernel.forward(z)
    kernel.backward(z, da)
    assert z.tolist() == [[0.0, 0.0]]
    assert da.tolist() == pytest.approx(np.array([[6.0 * below, 7.0 * below]]), rel=1e-15)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_nan_is_never_hidden(name: str, dtype: DType) -> None:
    for nan in (np.nan, -np.nan):
        z = np.full((3, 5), 0.5, dtype)
        z[1, 2] = nan
        kernel_for(name, z)[0].forward(z)
        assert np.isnan(z[1, 2])
        assert np.isfinite(z[[0, 2]]).all()


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"exponential"}))
@pytest.mark.parametrize("dtype", DTYPES)
def test_far_from_zero_values_and_slopes_are_their_limits(name: str, dtype: DType) -> None:
    z = np.array([[1e4, -1e4, 0.0, 3.0, -1e4], [-1e4, 1e4, -3.0, -1e4, 1e4]], dtype)
    a, dz = z.copy(), np.ones_like(z)
    with np.errstate(all="ignore"):
        kernel, _ = kernel_for(name, z)
        kernel.forward(a)
        kernel.backward(a, dz)
    assert np.isfinite(a).all()
    assert np.isfinite(dz).all()
    if name in FORMULAS:
        value, slope = FORMULAS[name]
        far = np.abs(z) == 1e4
        with np.errstate(over="ignore"):
            values = [_limit(value, float(x)) for x in z[far]]
            slopes = [_limit(slope, float(x)) for x in z[far]]
        np.testing.assert_allclose(a[far], values, rtol=1e-6, atol=1e-30)
        np.testing.assert_allclose(dz[far], slopes, rtol=1e-6, atol=1e-30)


def test_exponential_overflows_to_infinity_and_to_nothing_else() -> None:
    z = np.array([[1e4, -1e4]])
    with np.errstate(over="ignore"):
        kernel_for("exponential", z)[0].forward(z)
    assert z.tolist() == [[math.inf, 0.0]]


def test_sigmoid_keeps_small_probabilities() -> None:
    z = np.array([[-40.0, -700.0]])
    kernel_for("sigmoid", z)[0].forward(z)
    np.testing.assert_allclose(z, np.exp([[-40.0, -700.0]]), rtol=1e-12)


def test_gelu_keeps_its_digits_far_below_zero() -> None:
    """Where 1 + erf(z / sqrt(2)) has lost them all."""
    z = np.array([[-5.0, -8.0, -12.0, -20.0, -35.0]])
    expected = np.vectorize(FORMULAS["gelu"][0])(z)
    kernel_for("gelu", z)[0].forward(z)
    np.testing.assert_allclose(z, expected, rtol=2e-13)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_follows_double_precision(name: str) -> None:
    """Gate: 1e-5, forward and backward, on inputs that both precisions hold exactly."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, (33, len(PRELU_SLOPES))).astype(np.float32)
    da = rng.normal(size=z.shape).astype(np.float32)
    found = []
    for dtype in DTYPES:
        a, dz = z.astype(dtype), da.astype(dtype)
        kernel, _ = kernel_for(name, a)
        kernel.forward(a)
        kernel.backward(a, dz)
        found.append((a, dz))
    for single, double in zip(*found, strict=True):
        np.testing.assert_allclose(single, double, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (9, 5), (33, 17)])
def test_stacked_members_get_the_bits_of_each_alone(
    name: str, dtype: DType, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(4)
    members = 3
    z, da, slopes = (
        rng.normal(size=(members, *axes)).astype(dtype) for axes in (shape, shape, shape[1:])
    )
    stacked, d_stacked, gradient = z.copy(), da.copy(), np.empty_like(slopes)
    memory = Memory(np, dtype)
    if name == "prelu":
        together = PLAIN.prelu(memory, stacked.shape, slopes, gradient)
    else:
        together = PLAIN.activations[name](memory, stacked.shape, True)
    together.forward(stacked)
    together.backward(stacked, d_stacked)
    for member in range(members):
        a, dz = z[member].copy(), da[member].copy()
        alone, d_slopes = kernel_for(name, a, slopes[member].tolist())
        alone.forward(a)
        alone.backward(a, dz)
        assert a.tobytes() == stacked[member].tobytes()
        assert dz.tobytes() == d_stacked[member].tobytes()
        assert name != "prelu" or d_slopes.tobytes() == gradient[member].tobytes()


def _limit(function: Callable[[float], float], z: float) -> float:
    """The function at +-1e4, where math.exp(1e4) would not do."""
    try:
        return function(z)
    except OverflowError:
        return function(math.copysign(700.0, z))
