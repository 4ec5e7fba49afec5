"""The one forward pass: right against plain formulas, and the same bits in any company."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.engine import problems
from tests.workers.engine.random_networks import networks, random_inputs, random_parameters
from workers.engine import forward
from workers.engine.kernels.plain import PLAIN
from workers.engine.network import Network
from workers.engine.spec import (
    ACTIVATIONS,
    BatchNormSpec,
    DenseSpec,
    LayerNormSpec,
    NetworkSpec,
)

if TYPE_CHECKING:
    from workers.engine.backend import DType
    from workers.engine.spec import Activation, Layer
    from workers.engine.tensors import Array


def test_a_small_network_computed_by_hand() -> None:
    network = problems.network((2, 2, 1))
    parameters = np.array([1.0, -1.0, 2.0, 1.0, 3.0, 4.0, 0.5, 0.0, -1.0])
    # z = [1 + 4 + .5, -1 + 2 + 0] = [5.5, 1]; y = 3 * 5.5 + 4 * 1 - 1
    assert forward.outputs(network, parameters, np.array([[1.0, 2.0]])).tolist() == [[19.5]]


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(network=networks(most_units=70), n_rows=st.integers(1, 700), seed=st.integers(0, 1000))
def test_a_row_gets_the_same_bits_alone_and_in_any_batch(
    dtype: DType, network: Network, n_rows: int, seed: int
) -> None:
    """Whatever its layers, its output activation, and its embeddings."""
    rng = np.random.default_rng(seed)
    parameters = random_parameters(network, rng).astype(dtype)
    X = random_inputs(network, rng, n_rows).astype(dtype)
    scores = forward.logits(network, parameters, X)
    answers = forward.outputs(network, parameters, X)
    for row in {0, n_rows // 2, n_rows - 1}:
        company = random_inputs(network, rng, int(rng.integers(1, 600)), spread=9.0).astype(dtype)
        place = int(rng.integers(len(company)))
        company[place] = X[row]
        for batch, at in ((X[row : row + 1], 0), (company, place)):
            found_scores: Array = forward.logits(network, parameters, batch)[at]
            found_answers: Array = forward.outputs(network, parameters, batch)[at]
            assert found_scores.tobytes() == scores[row].tobytes()
            assert found_answers.tobytes() == answers[row].tobytes()


@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"prelu"}))
def test_large_batches_take_large_products_with_every_activation(activation: Activation) -> None:
    """Else the probe found other bits, and every row would pay for it."""
    layers: tuple[Layer, ...] = (
        DenseSpec(units=32, activation=activation),
        BatchNormSpec(),
        DenseSpec(units=32),
        LayerNormSpec(),
    )
    network = Network(
        NetworkSpec(layers=layers, skip=True), n_inputs=16, n_outputs=3, output_activation="softmax"
    )
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        assert forward.portions(network, dtype, PLAIN)[0].total == forward.PORTION


def test_no_rows_give_no_answers() -> None:
    network = problems.network((3, 2))
    parameters = np.zeros(network.n_parameters, np.float32)
    assert forward.outputs(network, parameters, np.empty((0, 3))).shape == (0, 2)


def test_answers_are_in_the_precision_of_the_parameters() -> None:
    network = problems.network((3, 2))
    parameters = network.initial_parameters(0, np.float32)
    assert forward.outputs(network, parameters, np.ones((2, 3))).dtype == np.float32


def test_overflow_is_an_answer_and_not_a_warning() -> None:
    network = problems.network((1, 1), output="sigmoid")
    answers = forward.outputs(network, np.array([1.0, 0.0]), np.array([[-1e5], [1e5]]))
    assert answers.tolist() == [[0.0], [1.0]]
