"""Backpropagation against central differences, for every activation, loss and random shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.engine import problems
from workers.engine import losses
from workers.engine.kernels.plain import PLAIN
from workers.engine.network import Network
from workers.engine.spec import (
    Activation,
    BinaryCrossEntropySpec,
    DenseSpec,
    Loss,
    MseSpec,
    NetworkSpec,
    SoftmaxCrossEntropySpec,
)
from workers.engine.tensors import BatchRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.tensors import Array

ACTIVATIONS: tuple[Activation, ...] = ("identity", "sigmoid", "tanh", "relu", "softmax")
HEADS: list[tuple[Loss, Activation]] = [
    *((MseSpec(), activation) for activation in ACTIVATIONS),
    (BinaryCrossEntropySpec(), "sigmoid"),
    (SoftmaxCrossEntropySpec(), "softmax"),
]
RELATIVE, ABSOLUTE = 1e-4, 1e-7
KINK = 1e-4

shapes = st.tuples(st.integers(1, 9), st.lists(st.integers(1, 7), min_size=2, max_size=5))


@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize(("loss", "output"), HEADS, ids=lambda part: getattr(part, "type", part))
@settings(max_examples=12, deadline=None, derandomize=True)
@given(shape=shapes, seed=st.integers(0, 2**32 - 1))
def test_every_gradient_is_the_slope_of_the_loss(
    hidden: Activation,
    loss: Loss,
    output: Activation,
    shape: tuple[int, list[int]],
    seed: int,
) -> None:
    """Gate: within 1e-4 relative or 1e-7 absolute of central differences with h = 1e-6 max(1, |w|).

    Points where a ReLU stands within 1e-4 of its kink are moved away from: no slope exists there.
    """
    rows, widths = shape
    rng = np.random.default_rng(seed)
    network = problems.network(tuple(widths), hidden, output)
    y = problems.targets(rng, loss, (rows, widths[-1]))
    while True:
        parameters = rng.normal(0.0, 0.7, network.n_parameters)
        X = rng.normal(size=(rows, widths[0]))
        if _far_from_kinks(network, parameters, X):
            break
    gradient, value_at = _loss_and_gradient(network, parameters, loss, X, y)
    for index in range(network.n_parameters):
        slope = _central_difference(value_at, parameters, index)
        gap = abs(gradient[index] - slope)
        assert gap < max(RELATIVE * abs(slope), ABSOLUTE), (
            f"parameter {index}: backpropagation {gradient[index]!r}, difference {slope!r}"
        )


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_without_bias_has_weights_only(bias: bool) -> None:
    spec = NetworkSpec(layers=(DenseSpec(units=3, activation="tanh", bias=bias),))
    network = Network(spec, n_inputs=2, n_outputs=1, output_activation="identity")
    assert ("layers.0.bias" in network.layout.names) is bias
    rng = np.random.default_rng(0)
    parameters, X = rng.normal(size=network.n_parameters), rng.normal(size=(5, 2))
    gradient, value_at = _loss_and_gradient(network, parameters, MseSpec(), X, np.ones((5, 1)))
    slopes = [_central_difference(value_at, parameters, i) for i in range(network.n_parameters)]
    np.testing.assert_allclose(gradient, slopes, rtol=RELATIVE, atol=ABSOLUTE)


def _loss_and_gradient(
    network: Network, parameters: Array, loss: Loss, X: Array, y: Array
) -> tuple[Array, Callable[[], float]]:
    gradient = np.full_like(parameters, np.nan)
    bound = network.on_batch(BatchRows(len(X), len(X)), parameters, gradient, PLAIN)
    shape = (len(X), network.n_outputs)
    kernel = losses.on_batch(loss, network.output_activation, shape, X.dtype, PLAIN)

    def value() -> float:
        return float(kernel(bound.forward(X), y, bound.d_logits))

    value()
    bound.backward()
    return gradient.copy(), value


def _central_difference(value_at: Callable[[], float], parameters: Array, index: int) -> float:
    """`value_at` reads `parameters` as they are at that moment."""
    w = float(parameters[index])
    h = 1e-6 * max(1.0, abs(w))
    parameters[index] = w + h
    above = value_at()
    parameters[index] = w - h
    below = value_at()
    parameters[index] = w
    return (above - below) / (2.0 * h)


def _far_from_kinks(network: Network, parameters: Array, X: Array) -> bool:
    """Whether no ReLU of the network, hidden or output, has an input within KINK of 0."""
    tensors = network.layout.views(parameters)
    a = X
    for layer in network.layers:
        z = a @ tensors[f"{layer.name}.weight"] + tensors[f"{layer.name}.bias"]
        activation = layer.activation
        if layer is network.layers[-1]:
            activation = network.output_activation
        if activation == "relu" and np.abs(z).min() < KINK:
            return False
        a = z
        PLAIN.activations[activation](z.shape, z.dtype).forward(a)
    return True
