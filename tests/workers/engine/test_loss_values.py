"""Losses: their values by hand, exact where logits are extreme, and what they refuse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.workers.engine.loss_cases import DOUBLE, DTYPES, evaluate
from workers.engine import losses
from workers.engine.kernels.plain import PLAIN
from workers.engine.spec import (
    Activation,
    BinaryCrossEntropySpec,
    FocalSpec,
    HuberSpec,
    Loss,
    MaeSpec,
    MseSpec,
    PoissonSpec,
    QuantileSpec,
    SoftmaxCrossEntropySpec,
)
from workers.engine.tensors import Memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engine.backend import DType
    from workers.engine.tensors import Array


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_cross_entropy_is_exact_at_logits_of_ten_thousand(dtype: DType) -> None:
    """Right with certainty costs 0, wrong by 20,000 costs 20,000 nats; nothing overflows."""
    logits = np.array([[1e4, -1e4], [1e4, -1e4]], dtype)
    value, gradient = evaluate(SoftmaxCrossEntropySpec(), "softmax", logits, np.array([0, 1]))
    assert float(value) == 1e4
    assert gradient.tolist() == [[0.0, 0.0], [0.5, -0.5]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_cross_entropy_is_exact_at_logits_of_nine_hundred(dtype: DType) -> None:
    logits = np.array([[900.0], [900.0], [-900.0], [-900.0]], dtype)
    targets = np.array([[1.0], [0.0], [0.0], [1.0]], dtype)
    value, gradient = evaluate(BinaryCrossEntropySpec(), "sigmoid", logits, targets)
    assert float(value) == 450.0
    assert gradient.tolist() == [[0.0], [0.25], [0.0], [-0.25]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_is_exact_at_logits_of_ten_thousand(dtype: DType, gamma: float) -> None:
    """Where the true class has no chance at all nothing is discounted: (1 - 0)^gamma = 1."""
    spec = FocalSpec(gamma=gamma)
    logits = np.array([[1e4, -1e4], [1e4, -1e4]], dtype)
    value, gradient = evaluate(spec, "softmax", logits, np.array([0, 1]))
    assert float(value) == 1e4
    assert gradient.tolist() == [[0.0, 0.0], [0.5, -0.5]]
    targets = np.array([[1.0], [0.0]], dtype)
    value, gradient = evaluate(spec, "sigmoid", np.full((2, 1), 1e4, dtype), targets)
    assert float(value) == 5e3
    assert gradient.tolist() == [[0.0], [0.5]]


def test_binary_cross_entropy_keeps_the_small_loss_of_a_confident_answer() -> None:
    value, _ = evaluate(BinaryCrossEntropySpec(), "sigmoid", np.array([[30.0]]), np.ones((1, 1)))
    assert float(value) == pytest.approx(math.exp(-30.0), rel=1e-12, abs=0)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_keeps_the_small_slope_of_a_confident_answer(gamma: float) -> None:
    """-(gamma + 1) q^(gamma + 1) to first order, q = exp(-40), which 1 - p is in no precision."""
    spec = FocalSpec(gamma=gamma)
    expected = (gamma + 1.0) * math.exp(-40.0 * (gamma + 1.0))
    value, dz = evaluate(spec, "softmax", np.array([[0.0, 40.0]]), np.array([1]))
    assert dz[0].tolist() == pytest.approx([expected, -expected], rel=1e-12, abs=0)
    assert float(value) == pytest.approx(expected / (gamma + 1.0), rel=1e-12, abs=0)
    value, dx = evaluate(spec, "sigmoid", np.array([[40.0]]), np.ones((1, 1)))
    assert float(dx[0, 0]) == pytest.approx(-expected, rel=1e-12, abs=0)
    assert float(value) == pytest.approx(expected / (gamma + 1.0), rel=1e-12, abs=0)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("kind", ["cross_entropy", "focal"])
def test_two_classes_cost_the_same_by_softmax_and_by_sigmoid(kind: str, smoothing: float) -> None:
    """softmax([0, x]) is sigmoid(x): two formulas, one number (gate 1e-12)."""
    x = np.random.default_rng(0).normal(0, 5, (40, 1))
    labels = (x[:, 0] > 1.0).astype(np.intp)
    one: Loss = BinaryCrossEntropySpec(label_smoothing=smoothing)
    two: Loss = SoftmaxCrossEntropySpec(label_smoothing=smoothing)
    if kind == "focal":
        one = two = FocalSpec(gamma=1.0 + smoothing)
    first, dx = evaluate(one, "sigmoid", x, labels[:, None].astype(float))
    second, dz = evaluate(two, "softmax", np.hstack([np.zeros_like(x), x]), labels)
    assert float(first) == pytest.approx(float(second), rel=1e-12)
    np.testing.assert_allclose(dz[:, 1:], dx, atol=1e-15)
    np.testing.assert_allclose(dz[:, :1], -dx, atol=1e-15)


def test_without_focus_the_focal_loss_is_the_cross_entropy() -> None:
    rng = np.random.default_rng(7)
    logits, labels = rng.normal(0, 3, (30, 4)), rng.integers(0, 4, 30)
    focal, slope = evaluate(FocalSpec(gamma=0.0), "softmax", logits, labels)
    plain, expected = evaluate(SoftmaxCrossEntropySpec(), "softmax", logits, labels)
    assert float(focal) == pytest.approx(float(plain), rel=1e-13)
    np.testing.assert_allclose(slope, expected, atol=1e-15)


def test_smoothed_targets_are_a_mixture_with_all_classes() -> None:
    """(1 - e) y + e / K, by hand from the probabilities."""
    rng = np.random.default_rng(8)
    logits, labels = rng.normal(size=(5, 4)), rng.integers(0, 4, 5)
    spec = SoftmaxCrossEntropySpec(label_smoothing=0.2)
    value, gradient = evaluate(spec, "softmax", logits, labels)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    t = 0.8 * np.eye(4)[labels] + 0.05
    assert float(value) == pytest.approx(-(t * np.log(p)).sum(axis=1).mean(), rel=1e-13)
    np.testing.assert_allclose(gradient, (p - t) / 5, atol=1e-15)


@pytest.mark.parametrize(
    ("loss", "expected", "slopes"),
    [
        (MseSpec(), 13.0 / 3.0, [-4.0, 0.0, 6.0]),
        (MaeSpec(), 5.0 / 3.0, [-1.0, 0.0, 1.0]),
        (HuberSpec(delta=2.0), (2.0 + 0.0 + 4.0) / 3.0, [-2.0, 0.0, 2.0]),
        (QuantileSpec(quantile=0.75), (1.5 + 0.0 + 0.75) / 3.0, [-0.75, 0.0, 0.25]),
    ],
    ids=str,
)
def test_residuals_of_minus_two_nought_and_three_cost_what_the_formula_says(
    loss: Loss, expected: float, slopes: list[float]
) -> None:
    """The mean over all elements, without a half; no slope where the residual is 0."""
    scores, targets = np.array([[1.0], [1.0], [6.0]]), np.array([[3.0], [1.0], [3.0]])
    value, gradient = evaluate(loss, "identity", scores, targets)
    assert float(value) == pytest.approx(expected, rel=1e-15)
    assert (3.0 * gradient[:, 0]).tolist() == pytest.approx(slopes, rel=1e-15)


def test_the_mean_is_over_rows_and_outputs_alike() -> None:
    y = np.array([[1.0, 2.0], [3.0, 4.0]])
    value, gradient = evaluate(MseSpec(), "identity", y, np.zeros((2, 2)))
    assert float(value) == 7.5
    assert gradient.tolist() == [[0.5, 1.0], [1.5, 2.0]]


def test_the_poisson_loss_is_least_at_the_mean_count() -> None:
    counts = np.array([[0.0], [1.0], [5.0]])
    value, gradient = evaluate(PoissonSpec(), "exponential", np.full((3, 1), math.log(2)), counts)
    assert float(value) == pytest.approx(2.0 - 2.0 * math.log(2), rel=1e-14)
    assert float(gradient.sum()) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize(
    ("loss", "activation"),
    [
        (BinaryCrossEntropySpec(), "softmax"),
        (BinaryCrossEntropySpec(), "identity"),
        (SoftmaxCrossEntropySpec(), "sigmoid"),
        (SoftmaxCrossEntropySpec(), "relu"),
        (FocalSpec(), "identity"),
        (PoissonSpec(), "identity"),
    ],
)
def test_a_loss_from_logits_goes_with_its_own_activation_only(
    loss: Loss, activation: Activation
) -> None:
    with pytest.raises(losses.LossActivationError, match=activation) as caught:
        losses.on_batch(loss, activation, (4, 2), Memory(np, DOUBLE), PLAIN)
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
        (FocalSpec(), np.array([0, 1, 2, 0])),
        (FocalSpec(), np.zeros((4, 3))),
    ],
)
def test_targets_that_do_not_fit_are_refused(loss: Loss, y: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match=r"targets of shape|labels must be"):
        losses.as_targets(loss, y, (4, 2), DOUBLE)


@pytest.mark.parametrize(
    "weights",
    [
        np.ones(3),
        np.ones((4, 1)),
        np.array([1, -1, 1, 1.0]),
        np.zeros(4),
        np.array([1, np.nan] * 2),
    ],
    ids=str,
)
def test_weights_that_do_not_fit_are_refused(weights: Array) -> None:
    with pytest.raises(ValueError, match="weights"):
        losses.as_weights(weights, 4, DOUBLE)
