"""The network: its description, its names, its initial weights."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.workers.engine import problems
from workers.engine.network import LayerSummary, Network
from workers.engine.spec import Activation, DenseSpec, Initializer, NetworkSpec


def test_the_summary_counts_every_parameter() -> None:
    network = problems.network((30, 64, 32, 2))
    assert network.summary() == (
        LayerSummary("layers.0", "dense", (64,), 30 * 64 + 64),
        LayerSummary("layers.1", "dense", (32,), 64 * 32 + 32),
        LayerSummary("layers.2", "dense", (2,), 32 * 2 + 2),
    )
    assert network.n_parameters == sum(line.parameters for line in network.summary())
    assert network.layout.names[-2:] == ("layers.2.weight", "layers.2.bias")


def test_no_layers_at_all_is_one_linear_map() -> None:
    network = problems.network((3, 1))
    assert network.layout.shapes == {"layers.0.weight": (3, 1), "layers.0.bias": (1,)}


@pytest.mark.parametrize(
    ("initializer", "activation", "variance"),
    [
        ("glorot_uniform", "tanh", 2 / 600),
        ("glorot_normal", "tanh", 2 / 600),
        ("he_uniform", "tanh", 2 / 400),
        ("he_normal", "tanh", 2 / 400),
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


def test_one_seed_starts_both_precisions_at_the_same_point() -> None:
    network = problems.network((4, 8, 3))
    double = network.initial_parameters(1, np.float64)
    np.testing.assert_array_equal(
        network.initial_parameters(1, np.float32), double.astype(np.float32)
    )
    assert not np.array_equal(network.initial_parameters(2, np.float64), double)


def test_networks_of_the_same_layers_are_equal() -> None:
    assert problems.network((4, 8, 3)) == problems.network((4, 8, 3))
    assert problems.network((4, 8, 3)) != problems.network((4, 8, 3), output="softmax")
    assert len({problems.network((4, 8, 3)), problems.network((4, 8, 3))}) == 1
