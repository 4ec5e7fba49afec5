"""Initial weights: the moments that each initialiser promises, and its exact properties."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.parity import catalogue
from workers.engine.network import Network
from workers.engine.spec import DenseSpec, NetworkSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

INPUTS, UNITS = 160, 250
VARIANCES = {
    "glorot": 2.0 / (INPUTS + UNITS),
    "he": 2.0 / INPUTS,
    "lecun": 1.0 / INPUTS,
}
KURTOSES = {"uniform": 9.0 / 5.0, "normal": 3.0}
DRAWN = [name for name in catalogue.INITIALIZERS if "_" in name]
EXACT = {"orthogonal", "zeros", "constant"}


def weights(
    initializer: Any, shape: tuple[int, int] = (INPUTS, UNITS), seed: int = 0, **fields: Any
) -> NDArray[Any]:
    """The first layer's, as a network starts with them."""
    layer = DenseSpec(units=shape[1], activation="tanh", initializer=initializer, **fields)
    network = Network(
        NetworkSpec(layers=(layer,)),
        n_inputs=shape[0],
        n_outputs=1,
        output_activation="identity",
    )
    tensors = network.layout.views(network.initial_parameters(seed, np.dtype(np.float64)))
    assert not tensors["layers.0.bias"].any()
    return tensors["layers.0.weight"]


def test_every_initializer_is_tested() -> None:
    assert set(DRAWN) | EXACT == set(catalogue.INITIALIZERS)


@pytest.mark.parametrize("name", DRAWN)
def test_the_moments_are_those_of_the_distribution(name: str) -> None:
    """Within five standard errors: the mean, the variance, and the kurtosis that tells the form."""
    family, form = name.split("_")
    W = weights(name)
    variance, kurtosis = VARIANCES[family], KURTOSES[form]
    n = W.size
    assert abs(W.mean()) < 5 * math.sqrt(variance / n)
    assert abs(W.var() / variance - 1.0) < 5 * math.sqrt((kurtosis - 1.0) / n)
    assert abs((W**4).mean() / variance**2 - kurtosis) < 5 * math.sqrt(96.0 / n)
    if form == "uniform":
        bound = math.sqrt(3.0 * variance)
        assert 0.99 * bound < np.abs(W).max() <= bound


@pytest.mark.parametrize("shape", [(160, 250), (250, 160), (40, 40), (1, 7), (7, 1)])
def test_orthogonal_weights_keep_lengths(shape: tuple[int, int]) -> None:
    W = weights("orthogonal", shape)
    product = W.T @ W if shape[0] >= shape[1] else W @ W.T
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-12)


def test_orthogonal_weights_prefer_no_direction() -> None:
    """Signs taken from R's diagonal make Q uniform: each entry is as often positive as negative."""
    first = np.array([weights("orthogonal", (3, 3), seed) for seed in range(400)])
    assert np.abs(first.mean(axis=0)).max() < 5 * math.sqrt(1.0 / 3.0 / 400)


def test_zeros_and_constants_are_what_they_say() -> None:
    assert not weights("zeros").any()
    np.testing.assert_array_equal(weights("constant", initial_value=0.25), 0.25)


@pytest.mark.parametrize(
    ("activation", "family"),
    [
        ("relu", "he"),
        ("leaky_relu", "he"),
        ("prelu", "he"),
        ("selu", "lecun"),
        ("tanh", "glorot"),
        ("sigmoid", "glorot"),
        ("softmax", "glorot"),
        ("identity", "glorot"),
    ],
)
def test_the_default_suits_the_activation(activation: Any, family: str) -> None:
    layer = DenseSpec(units=UNITS, activation=activation)
    network = Network(
        NetworkSpec(layers=(layer,)), n_inputs=INPUTS, n_outputs=1, output_activation="identity"
    )
    W = network.layout.views(network.initial_parameters(3, np.dtype(np.float64)))["layers.0.weight"]
    assert abs(W.var() / VARIANCES[family] - 1.0) < 0.1
