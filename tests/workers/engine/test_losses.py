"""Losses: exact values where logits are extreme, and which outputs they go with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from workers.engine import losses
from workers.engine.kernels.plain import PLAIN
from workers.engine.spec import BinaryCrossEntropySpec, Loss, MseSpec, SoftmaxCrossEntropySpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engine.backend import DType

DOUBLE: DType = np.dtype(np.float64)
DTYPES: list[DType] = [np.dtype(np.float32), DOUBLE]


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_cross_entropy_is_exact_at_logits_of_ten_thousand(dtype: DType) -> None:
    """Right with certainty costs 0, wrong by 20,000 costs 20,000 nats; nothing overflows."""
    logits = np.array([[1e4, -1e4], [1e4, -1e4]], dtype)
    gradient = np.empty_like(logits)
    loss = PLAIN.losses["softmax_cross_entropy"](logits.shape, logits.dtype)
    assert loss(logits, np.array([0, 1]), gradient) == 1e4
    assert gradient.tolist() == [[0.0, 0.0], [0.5, -0.5]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_cross_entropy_is_exact_at_logits_of_nine_hundred(dtype: DType) -> None:
    logits = np.array([[900.0], [900.0], [-900.0], [-900.0]], dtype)
    targets = np.array([[1.0], [0.0], [0.0], [1.0]], dtype)
    gradient = np.empty_like(logits)
    loss = PLAIN.losses["binary_cross_entropy"](logits.shape, logits.dtype)
    with np.errstate(over="ignore"):
        assert loss(logits, targets, gradient) == 450.0
    assert gradient.tolist() == [[0.0], [0.25], [0.0], [-0.25]]


def test_binary_cross_entropy_keeps_the_small_loss_of_a_confident_answer() -> None:
    logits, gradient = np.array([[30.0]]), np.empty((1, 1))
    loss = PLAIN.losses["binary_cross_entropy"]((1, 1), DOUBLE)
    value = loss(logits, np.ones((1, 1)), gradient)
    assert value == pytest.approx(math.exp(-30.0), rel=1e-12)


def test_two_classes_cost_the_same_by_softmax_and_by_sigmoid() -> None:
    """softmax([0, x]) is sigmoid(x): two formulas, one number (gate 1e-12)."""
    x = np.random.default_rng(0).normal(0, 5, (40, 1))
    labels = (x[:, 0] > 1.0).astype(np.intp)
    by_sigmoid = PLAIN.losses["binary_cross_entropy"](x.shape, DOUBLE)
    by_softmax = PLAIN.losses["softmax_cross_entropy"]((40, 2), DOUBLE)
    dx, dz = np.empty((40, 1)), np.empty((40, 2))
    first = by_sigmoid(x.copy(), labels[:, None].astype(float), dx)
    second = by_softmax(np.hstack([np.zeros_like(x), x]), labels, dz)
    assert first == pytest.approx(second, rel=1e-12)
    np.testing.assert_allclose(dz[:, 1:], dx, atol=1e-15)
    np.testing.assert_allclose(dz[:, :1], -dx, atol=1e-15)


def test_mean_squared_error_is_the_mean_over_all_elements_without_a_half() -> None:
    y, gradient = np.array([[1.0, 2.0], [3.0, 4.0]]), np.empty((2, 2))
    loss = PLAIN.losses["mse"](y.shape, DOUBLE)
    assert loss(y, np.zeros((2, 2)), gradient) == 7.5
    assert gradient.tolist() == [[0.5, 1.0], [1.5, 2.0]]


@pytest.mark.parametrize(
    ("loss", "activation"),
    [
        (BinaryCrossEntropySpec(), "softmax"),
        (BinaryCrossEntropySpec(), "identity"),
        (SoftmaxCrossEntropySpec(), "sigmoid"),
        (SoftmaxCrossEntropySpec(), "relu"),
    ],
)
def test_a_cross_entropy_goes_with_its_own_activation_only(loss: Loss, activation: str) -> None:
    with pytest.raises(losses.LossActivationError, match=activation) as caught:
        losses.on_batch(loss, activation, (4, 2), DOUBLE, PLAIN)  # type: ignore[arg-type]
    assert caught.value.loss == loss.type


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (MseSpec(), np.zeros(4)),
        (MseSpec(), np.zeros((4, 3))),
        (SoftmaxCrossEntropySpec(), np.zeros((4, 1), np.intp)),
        (SoftmaxCrossEntropySpec(), np.array([0, 1, 2, 0])),
        (SoftmaxCrossEntropySpec(), np.array([0, 1, -1, 0])),
        (SoftmaxCrossEntropySpec(), np.zeros(4)),
    ],
)
def test_targets_that_do_not_fit_are_refused(loss: Loss, y: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match=r"targets of shape|labels must be"):
        losses.as_targets(loss, y, (4, 2), DOUBLE)
