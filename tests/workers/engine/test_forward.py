"""The one forward pass: right against plain formulas, and the same bits in any company."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.engine import problems
from tests.workers.engine.random_networks import networks, random_inputs, random_parameters
from workers.engine import forward
from workers.engine.forward import ForwardPass
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


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(network=networks(most_units=70), n_rows=st.integers(1, 700), seed=st.integers(0, 1000))
def test_a_pass_that_repeats_gives_the_same_bits(
    dtype: DType, network: Network, n_rows: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    parameters = random_parameters(network, rng).astype(dtype)
    X = random_inputs(network, rng, n_rows).astype(dtype)
    again = ForwardPass(network, parameters, repeats=True)
    for rows in (X, X[: n_rows // 2]):
        scores, answers = again.run(rows)
        assert scores.tobytes() == forward.logits(network, parameters, rows).tobytes()
        assert answers.tobytes() == forward.outputs(network, parameters, rows).tobytes()


@pytest.mark.parametrize(
    ("repeats", "n_rows", "expected"),
    [
        # Small tables: a probe for one answer would cost more than its blocks.
        (False, 55, [8] * 7),
        (True, 55, [64]),
        (True, 6, [8]),
        (True, 300, [256, 64]),
        (False, 300, [256, 256]),
        (False, 512, [256, 256]),
    ],
)
def test_rows_are_padded_where_that_saves_portions(
    repeats: bool, n_rows: int, expected: list[int]
) -> None:
    assert portions_taken(problems.network((4, 8, 3)), n_rows, repeats=repeats) == expected


def test_wide_networks_do_not_pad_much() -> None:
    wide = problems.network((100, 200, 100))
    assert portions_taken(wide, 143, repeats=True) == [64, 64, 16]
    assert portions_taken(wide, 90, repeats=True) == [64, 16, 16]


def portions_taken(network: Network, n_rows: int, *, repeats: bool) -> list[int]:
    """The sizes of the portions by which so many rows are answered."""
    taken = []
    with pytest.MonkeyPatch.context() as patch:
        run = forward.portion_for

        def seeing(*arguments: Any) -> Any:
            taken.append(run(*arguments))
            return taken[-1]

        patch.setattr(forward, "portion_for", seeing)
        parameters = network.initial_parameters(0, np.float32)
        X = np.ones((n_rows, network.n_inputs), np.float32)
        ForwardPass(network, parameters, repeats=repeats).run(X)
    return [rows.total for rows in taken]


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
