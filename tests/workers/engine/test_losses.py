"""Losses: slopes by central differences, weights as repetitions of rows, members, extremes."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest

from tests.workers.engine.loss_cases import DTYPES, HEADS, drawn, evaluate
from workers.engine import losses
from workers.engine.kernels.plain import PLAIN
from workers.engine.spec import Activation, Loss

if TYPE_CHECKING:
    from workers.engine.backend import DType

heads = pytest.mark.parametrize(("loss", "activation"), HEADS, ids=str)


def test_every_loss_has_a_case() -> None:
    kinds = {member.type for member in get_args(get_args(Loss)[0])}
    assert {loss.type for loss, _ in HEADS} == kinds == set(losses.OUTPUT_ACTIVATIONS)
    assert set(PLAIN.losses) == kinds | {"binary_focal"}


@heads
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_the_gradient_is_the_slope_of_the_value(
    loss: Loss, activation: Activation, weighted: bool
) -> None:
    """Gate: 1e-4 relative or 1e-7 absolute of central differences, h = 1e-6 max(1, |z|).

    The drawn scores lie 1e-3 and more away from the kinks of MAE, Huber and quantile.
    """
    rng = np.random.default_rng(5)
    scores = rng.normal(0.0, 2.0, (7, 3))
    targets = drawn(rng, loss, activation, scores.shape)
    weights = rng.uniform(0.0, 3.0, 7) if weighted else None
    _, gradient = evaluate(loss, activation, scores, targets, weights)
    for place in np.ndindex(scores.shape):
        ends = []
        h = 1e-6 * max(1.0, abs(float(scores[place])))
        for sign in (1.0, -1.0):
            moved = scores.copy()
            moved[place] += sign * h
            ends.append(float(evaluate(loss, activation, moved, targets, weights)[0]))
        slope = (ends[0] - ends[1]) / (2.0 * h)
        gap = abs(gradient[place] - slope)
        assert gap <= max(1e-4 * abs(slope), 1e-7), f"{place}: {gradient[place]}, {slope}"


@heads
def test_a_weight_counts_a_row_so_many_times(loss: Loss, activation: Activation) -> None:
    """Weights 0, 1, 2 give the loss of the rows left out, taken once, taken twice."""
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(6, 3))
    targets = drawn(rng, loss, activation, scores.shape)
    times = np.array([0, 1, 2, 1, 0, 3])
    value, gradient = evaluate(loss, activation, scores, targets, times.astype(float))
    rows = np.repeat(np.arange(6), times)
    expected, slopes = evaluate(loss, activation, scores[rows], targets[rows])
    assert float(value) == pytest.approx(float(expected), rel=1e-13)
    summed = np.zeros_like(scores)
    np.add.at(summed, rows, slopes)
    np.testing.assert_allclose(gradient, summed, atol=1e-15)


@heads
def test_a_batch_without_any_weight_costs_nothing(loss: Loss, activation: Activation) -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(4, 3))
    targets = drawn(rng, loss, activation, scores.shape)
    value, gradient = evaluate(loss, activation, scores, targets, np.zeros(4))
    assert float(value) == 0.0
    assert not gradient.any()


@heads
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_a_stacked_member_gets_the_bits_of_its_own_loss(
    loss: Loss, activation: Activation, dtype: DType, weighted: bool
) -> None:
    rng = np.random.default_rng(3)
    shape = (3, 37, 5)
    scores = rng.normal(0.0, 2.0, shape).astype(dtype)
    targets = drawn(rng, loss, activation, shape)
    targets = targets if targets.ndim == 2 else targets.astype(dtype)
    weights = rng.uniform(0.0, 2.0, shape[:2]).astype(dtype) if weighted else None
    value, gradient = evaluate(loss, activation, scores, targets, weights)
    for k in range(3):
        own = None if weights is None else weights[k]
        alone, slope = evaluate(loss, activation, scores[k], targets[k], own)
        assert value[k].tobytes() == alone.tobytes()
        assert gradient[k].tobytes() == slope.tobytes()


@heads
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_extreme_scores_never_give_a_nan(loss: Loss, activation: Activation, dtype: DType) -> None:
    """At scores of 1e4 every loss that float32 can hold is finite; exp(1e4) is none of these."""
    scores = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]], dtype)
    rng = np.random.default_rng(4)
    targets = drawn(rng, loss, activation, scores.shape)
    value, gradient = evaluate(loss, activation, scores, targets)
    assert not np.isnan(gradient).any()
    assert np.isfinite(value) or activation == "exponential"
