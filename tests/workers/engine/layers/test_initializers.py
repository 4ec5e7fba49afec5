"""Initial weights: the spread of each paper, and orthogonality."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workers.engine.network import Network
from workers.engine.spec import ACTIVATIONS, Activation, DenseSpec, Initializer, NetworkSpec


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_has_an_initializer_that_suits_it(activation: Activation) -> None:
    """He where half of the signal is cut off, LeCun for SELU, Glorot elsewhere: by variance."""
    rectifiers = {"relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish"}
    variance = 2 / 400 if activation in rectifiers else 2 / 600
    variance = 1 / 400 if activation == "selu" else variance
    layer = DenseSpec(units=200, activation=activation)
    network = Network(
        NetworkSpec(layers=(layer,)), n_inputs=400, n_outputs=1, output_activation="identity"
    )
    tensors = network.layout.views(network.initial_parameters(7, np.float64))
    assert tensors["layers.0.weight"].var() == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize("shape", [(9, 4), (4, 9), (5, 5), (1, 6), (6, 1)])
def test_orthogonal_weights_are_orthonormal_along_their_shorter_side(
    shape: tuple[int, int],
) -> None:
    layer = DenseSpec(units=shape[1], activation="tanh", initializer="orthogonal")
    network = Network(
        NetworkSpec(layers=(layer,)), n_inputs=shape[0], n_outputs=1, output_activation="identity"
    )
    found = [
        network.layout.views(network.initial_parameters(seed, np.float64))["layers.0.weight"]
        for seed in (1, 2)
    ]
    for W in found:
        product = W.T @ W if shape[0] >= shape[1] else W @ W.T
        np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-14)
    assert not np.array_equal(found[0], found[1])


def test_every_orthogonal_matrix_is_as_likely_as_its_negative() -> None:
    """Of 100 seeds each entry has either sign, within 5 standard errors."""
    layer = DenseSpec(units=2, activation="tanh", initializer="orthogonal")
    network = Network(
        NetworkSpec(layers=(layer,)), n_inputs=3, n_outputs=1, output_activation="identity"
    )
    drawn = [
        network.layout.views(network.initial_parameters(seed, np.float64))["layers.0.weight"]
        for seed in range(100)
    ]
    positive = np.mean([W > 0 for W in drawn], axis=0)
    assert (np.abs(positive - 0.5) <= 5.0 * 0.05).all()


@pytest.mark.parametrize(
    ("initializer", "activation", "variance"),
    [
        ("glorot_uniform", "tanh", 2 / 600),
        ("glorot_normal", "tanh", 2 / 600),
        ("he_uniform", "tanh", 2 / 400),
        ("he_normal", "tanh", 2 / 400),
        ("lecun_uniform", "tanh", 1 / 400),
        ("lecun_normal", "tanh", 1 / 400),
        ("constant", "tanh", 0.0),
        ("zeros", "tanh", 0.0),
        (None, "relu", 2 / 400),
        (None, "tanh", 2 / 600),
    ],
)
def test_initial_weights_have_the_spread_of_the_paper(
    initializer: Initializer | None, activation: Activation, variance: float
) -> None:
    """Of 80,000 draws: the mean within 5 standard errors of 0, the variance within 3% of it."""
    layer = DenseSpec(units=200, activation=activation, initializer=initializer)
    network = Network(
        NetworkSpec(layers=(layer,)), n_inputs=400, n_outputs=1, output_activation="identity"
    )
    tensors = network.layout.views(network.initial_parameters(5, np.float64))
    weight = tensors["layers.0.weight"]
    assert abs(weight.mean()) <= 5.0 * math.sqrt(variance / weight.size)
    assert weight.var() == pytest.approx(variance, rel=0.03)
    assert not tensors["layers.0.bias"].any()
    if initializer is not None and initializer.endswith("uniform"):
        assert np.abs(weight).max() <= math.sqrt(3.0 * variance)
