"""Layer norm: each row by itself."""

from __future__ import annotations

import numpy as np

from tests.workers.engine.layers.at_work import AtWork, network
from workers.engine.spec import LayerNormSpec

SCALE, SHIFT = np.array([2.0, -1.0, 0.5, 1.0]), np.array([0.0, 3.0, -4.0, 0.25])
GIVEN = {"norms.0.scale": SCALE, "norms.0.shift": SHIFT}


def test_each_row_is_standardised_by_its_biased_variance() -> None:
    X = np.random.default_rng(0).normal(3.0, 5.0, (6, 4))
    for learning in (True, False):
        work = AtWork(network(LayerNormSpec(), n_inputs=4), X, learning=learning, tensors=GIVEN)
        work.forward()
        mean, variance = X.mean(axis=1, keepdims=True), X.var(axis=1, keepdims=True)
        expected = SCALE * (X - mean) / np.sqrt(variance + 1e-5) + SHIFT
        np.testing.assert_allclose(work.results["norms.0"], expected, rtol=1e-12)


def test_a_row_of_equal_values_becomes_the_shift() -> None:
    work = AtWork(network(LayerNormSpec(), n_inputs=4), np.full((2, 4), 7.0), tensors=GIVEN)
    work.forward()
    assert work.results["norms.0"].tolist() == [SHIFT.tolist()] * 2


def test_a_row_is_not_told_apart_from_its_multiple() -> None:
    X = np.random.default_rng(0).normal(0.0, 1e4, (6, 4))
    found = []
    for rows in (X, 8.0 * X + 100.0):
        work = AtWork(network(LayerNormSpec(), n_inputs=4), rows)
        work.forward()
        found.append(work.results["norms.0"].copy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)
