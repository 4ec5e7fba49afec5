"""Residual connections and the skip path against matrices written out by hand."""

from __future__ import annotations

import numpy as np

from tests.workers.engine.layers.at_work import AtWork, network
from workers.engine.spec import ActivationSpec, DenseSpec, ResidualSpec


def test_a_residual_connection_is_the_identity_added_to_the_weights() -> None:
    """`W x + x` is `(W + 1) x`, forward and backward."""
    rng = np.random.default_rng(0)
    X, d_scores = rng.normal(size=(8, 4)), rng.normal(size=(8, 1))
    W0, W1 = rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
    linear = DenseSpec(units=4, activation="identity", bias=False)
    given = {"layers.0.weight": W0, "layers.1.weight": W1}
    work = AtWork(network(linear, linear, ResidualSpec(), n_inputs=4), X, tensors=given)
    ones, sums = np.eye(4), np.ones((4, 1))
    np.testing.assert_allclose(work.forward(), X @ W0 @ (W1 + ones) @ sums, rtol=1e-12)
    gradients = work.backward(d_scores)
    d_hidden = d_scores @ sums.T
    np.testing.assert_allclose(gradients["layers.1.weight"], (X @ W0).T @ d_hidden, rtol=1e-12)
    expected = X.T @ (d_hidden @ (W1 + ones).T)
    np.testing.assert_allclose(gradients["layers.0.weight"], expected, rtol=1e-12)


def test_a_span_goes_back_over_layers_of_every_kind_to_the_inputs_themselves() -> None:
    rng = np.random.default_rng(1)
    X, W = rng.normal(size=(5, 3)), rng.normal(size=(3, 3))
    layers = (
        ActivationSpec(activation="tanh"),
        DenseSpec(units=3, activation="identity", bias=False),
        ResidualSpec(span=2),
        ResidualSpec(span=1),
    )
    work = AtWork(network(*layers, n_inputs=3), X, tensors={"layers.0.weight": W})
    first = np.tanh(X) @ W + X
    work.forward()
    np.testing.assert_allclose(work.results["residuals.0"], first, rtol=1e-12)
    # The second adds what went into the layer before it: the first one's own input.
    np.testing.assert_allclose(work.results["residuals.1"], first + np.tanh(X) @ W, rtol=1e-12)


def test_the_skip_path_adds_a_linear_map_of_the_inputs() -> None:
    rng = np.random.default_rng(2)
    X, W, d_scores = rng.normal(size=(6, 3)), rng.normal(size=(3, 2)), rng.normal(size=(6, 2))
    layer = DenseSpec(units=4, activation="tanh")
    plain = AtWork(network(layer, n_inputs=3, n_outputs=2), X)
    skipping = AtWork(network(layer, n_inputs=3, n_outputs=2, skip=True), X)
    np.testing.assert_array_equal(skipping.forward(), plain.forward())
    skipping.tensors["skip.weight"][...] = W
    np.testing.assert_allclose(skipping.forward(), plain.forward() + X @ W, rtol=1e-12)
    gradients = skipping.backward(d_scores)
    np.testing.assert_allclose(gradients["skip.weight"], X.T @ d_scores, rtol=1e-12)
    for name, gradient in plain.backward(d_scores).items():
        np.testing.assert_array_equal(gradients[name], gradient)
