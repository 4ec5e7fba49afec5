"""Batch norm: by the batch in training, by running statistics in prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.workers.engine.layers.at_work import AtWork, network
from workers.engine.spec import BatchNormSpec

SCALE, SHIFT = np.array([2.0, -1.0, 0.5]), np.array([0.0, 3.0, -4.0])
GIVEN = {"norms.0.scale": SCALE, "norms.0.shift": SHIFT}


def rows(n_rows: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal([1.0, -2.0, 50.0], [1.0, 0.1, 9.0], (n_rows, 3))


def test_training_standardises_each_column_by_its_biased_variance() -> None:
    X = rows(20)
    work = AtWork(network(BatchNormSpec(), n_inputs=3), X, tensors=GIVEN)
    work.forward()
    expected = SCALE * (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0) + 1e-5) + SHIFT
    np.testing.assert_allclose(work.results["norms.0"], expected, rtol=1e-11)


def test_running_statistics_move_by_the_unbiased_variance_and_weigh_the_old_by_momentum() -> None:
    X, mean, variance = rows(7), np.zeros(3), np.ones(3)
    work = AtWork(network(BatchNormSpec(momentum=0.8), n_inputs=3), X)
    for _ in range(3):
        work.forward()
        mean = 0.8 * mean + 0.2 * X.mean(axis=0)
        variance = 0.8 * variance + 0.2 * X.var(axis=0, ddof=1)
        np.testing.assert_allclose(work.tensors["norms.0.mean"], mean, rtol=1e-13)
        np.testing.assert_allclose(work.tensors["norms.0.variance"], variance, rtol=1e-13)


def test_prediction_goes_by_the_running_statistics_and_leaves_them() -> None:
    mean, variance = np.array([1.0, -2.0, 40.0]), np.array([0.5, 0.01, 100.0])
    given = GIVEN | {"norms.0.mean": mean, "norms.0.variance": variance}
    X = rows(5)
    work = AtWork(network(BatchNormSpec(epsilon=0.1), n_inputs=3), X, learning=False, tensors=given)
    before = work.parameters.copy()
    work.forward()
    expected = SCALE * (X - mean) / np.sqrt(variance + 0.1) + SHIFT
    np.testing.assert_allclose(work.results["norms.0"], expected, rtol=1e-13)
    assert work.parameters.tobytes() == before.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_batch_of_one_row_trains_on_its_shift_and_leaves_the_running_statistics(
    dtype: type[np.floating],
) -> None:
    """Its variance is 0 and says nothing of the column's; there is no unbiased one."""
    X = rows(1).astype(dtype)
    work = AtWork(network(BatchNormSpec(), n_inputs=3), X, tensors=GIVEN)
    work.forward()
    assert work.results["norms.0"].tolist() == [SHIFT.tolist()]
    assert not work.tensors["norms.0.mean"].any()
    assert (work.tensors["norms.0.variance"] == 1.0).all()
    gradients = work.backward(np.ones((1, 1), dtype))
    assert gradients["norms.0.shift"].tolist() == [1.0, 1.0, 1.0]
    assert gradients["norms.0.scale"].tolist() == [0.0, 0.0, 0.0]


def test_large_values_of_small_spread_keep_their_digits() -> None:
    """The variance is a mean of squared distances, not a difference of large squares."""
    X = 1e6 + np.random.default_rng(0).normal(size=(100, 1))
    work = AtWork(network(BatchNormSpec(), n_inputs=1), X)
    work.forward()
    assert work.results["norms.0"].var() == pytest.approx(1.0, rel=1e-4)


def test_what_is_added_to_a_column_before_the_norm_changes_nothing() -> None:
    X = rows(30)
    found = []
    for moved in (X, X + np.array([5.0, -1.0, 2.0])):
        work = AtWork(network(BatchNormSpec(), n_inputs=3), moved)
        work.forward()
        found.append(work.results["norms.0"].copy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-9)
