"""Dropout: in training by the masks of the run, in prediction not at all."""

from __future__ import annotations

import numpy as np
import pytest

from tests.workers.engine.layers.at_work import AtWork, network
from workers.engine import philox
from workers.engine.spec import DropoutSpec
from workers.engine.tensors import Memory

WIDTH, ROWS = 6, 10


def test_prediction_drops_nothing() -> None:
    X = np.random.default_rng(0).normal(size=(ROWS, WIDTH))
    work = AtWork(network(DropoutSpec(rate=0.9), n_inputs=WIDTH), X, learning=False)
    np.testing.assert_array_equal(work.forward()[:, 0], X @ np.ones(WIDTH))


def test_the_second_layer_has_the_second_mask_and_gradients_go_through_both() -> None:
    rng = np.random.default_rng(1)
    X, seed, batch = rng.normal(size=(ROWS, WIDTH)), 2**35 + 1, 41
    layers = DropoutSpec(rate=0.3), DropoutSpec(rate=0.5)
    work = AtWork(network(*layers, n_inputs=WIDTH), X, seed=seed)
    masks = np.empty((2, ROWS, WIDTH))
    memory = Memory(np, X.dtype)
    for index, layer in enumerate(layers):
        draw = philox.Mask(memory, X.shape, (seed,), index, layer.rate)
        draw(batch, masks[index])
    scores = work.forward(batch)
    np.testing.assert_allclose(scores[:, 0], (X * masks[0] * masks[1]).sum(axis=1), rtol=1e-13)
    gradients = work.backward(np.ones((ROWS, 1)))
    expected = (X * masks[0] * masks[1]).sum(axis=0)
    np.testing.assert_allclose(gradients["layers.0.weight"][:, 0], expected, rtol=1e-13)


def test_every_batch_has_a_mask_of_its_own_which_comes_again() -> None:
    X = np.ones((ROWS, WIDTH))
    work = AtWork(network(DropoutSpec(rate=0.5), n_inputs=WIDTH), X)
    first, second = work.forward(1).tolist(), work.forward(2).tolist()
    assert first != second
    assert work.forward(1).tolist() == first


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_the_expected_value_is_that_of_prediction(rate: float) -> None:
    """Over 200 batches of 500 values each, within 5 standard errors."""
    X = np.ones((50, 10))
    work = AtWork(network(DropoutSpec(rate=rate), n_inputs=10), X)
    mean = np.mean([work.forward(batch).mean() / 10 for batch in range(1, 201)])
    assert abs(mean - 1.0) <= 5.0 * np.sqrt(rate / (1.0 - rate) / 100_000)
