"""A traced step is that of a network written out by hand, in loops, from the definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.workers.engine.trace.steps import problem, traced
from workers.engine.kernels.plain import PLAIN
from workers.engine.network import Network
from workers.engine.problem import Problem, TrainingData
from workers.engine.spec import (
    AdamSpec,
    BatchNormSpec,
    DenseSpec,
    NetworkSpec,
    OutputSpec,
    SgdSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)
from workers.engine.trace.differences import STEP, differences
from workers.engine.trace.numbers import MAX_NUMBERS
from workers.engine.trace.passes import run
from workers.engine.trace.step import trace_step

Matrix = list[list[float]]

N_INPUTS, N_HIDDEN, N_CLASSES = 3, 4, 3
ROWS: Matrix = [[0.5, -1.0, 2.0], [1.5, 0.3, -0.7], [-0.2, 0.8, 0.1]]
LABELS = [2, 0, 1]
LEARNING_RATE = 0.02


class ByHand:
    """tanh layer, softmax layer, mean cross-entropy: one row, one unit at a time."""

    def __init__(self, numbers: list[float]) -> None:
        take = iter(numbers)
        self.W = [[next(take) for _ in range(N_HIDDEN)] for _ in range(N_INPUTS)]
        self.V = [[next(take) for _ in range(N_CLASSES)] for _ in range(N_HIDDEN)]
        self.b = [next(take) for _ in range(N_HIDDEN)]
        self.c = [next(take) for _ in range(N_CLASSES)]

    def hidden(self, x: list[float]) -> list[float]:
        return [
            self.b[j] + sum(x[i] * self.W[i][j] for i in range(N_INPUTS)) for j in range(N_HIDDEN)
        ]

    def scores(self, x: list[float]) -> list[float]:
        a = [math.tanh(z) for z in self.hidden(x)]
        return [
            self.c[k] + sum(a[j] * self.V[j][k] for j in range(N_HIDDEN)) for k in range(N_CLASSES)
        ]

    def probabilities(self, x: list[float]) -> list[float]:
        powers = [math.exp(z) for z in self.scores(x)]
        return [power / sum(powers) for power in powers]

    def terms(self) -> list[float]:
        return [
            -math.log(self.probabilities(x)[label]) for x, label in zip(ROWS, LABELS, strict=True)
        ]

    def loss(self) -> float:
        return sum(self.terms()) / len(ROWS)


def _numbers() -> list[float]:
    n = N_INPUTS * N_HIDDEN + N_HIDDEN * N_CLASSES + N_HIDDEN + N_CLASSES
    numbers: list[float] = np.random.default_rng(7).normal(0.0, 0.5, n).tolist()
    return numbers


def _problem(optimizer: Any) -> Problem:
    spec = NetworkSpec(
        layers=(DenseSpec(units=N_HIDDEN, activation="tanh"),),
        output=OutputSpec(activation="softmax"),
    )
    network = Network(spec, n_inputs=N_INPUTS, n_outputs=N_CLASSES, output_activation="softmax")
    # The order of `ByHand`: weights first, then biases.
    assert list(network.layout.names) == [
        "layers.0.weight", "layers.1.weight", "layers.0.bias", "layers.1.bias",
    ]  # fmt: skip
    training = TrainingSpec(
        epochs=1,
        batch_size=3,
        loss=SoftmaxCrossEntropySpec(),
        optimizer=optimizer,
        precision="float64",
    )
    return Problem(network, TrainingData(np.array(ROWS), np.array(LABELS)), training, 0, PLAIN)


def _slopes(numbers: list[float]) -> list[float]:
    """The gradient by finite differences of the loss written by hand."""
    found = []
    for place, number in enumerate(numbers):
        h = STEP * max(1.0, abs(number))
        above, below = numbers.copy(), numbers.copy()
        above[place] += h
        below[place] -= h
        found.append((ByHand(above).loss() - ByHand(below).loss()) / (2 * h))
    return found


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    plain, _ = trace_step(_problem(SgdSpec(learning_rate=LEARNING_RATE)), np.array(_numbers()))
    return plain


def test_sums_activations_and_slopes_are_those_of_the_definitions(found: dict[str, Any]) -> None:
    by_hand = ByHand(_numbers())
    hidden, output = found["layers"]
    for row, x in enumerate(ROWS):
        z = by_hand.hidden(x)
        assert hidden["z"][row] == pytest.approx(z, rel=1e-13)
        assert hidden["a"][row] == pytest.approx([math.tanh(v) for v in z], rel=1e-13)
        slopes = [1.0 - math.tanh(v) ** 2 for v in z]
        assert hidden["local_derivative"][row] == pytest.approx(slopes, rel=1e-12)
        assert output["z"][row] == pytest.approx(by_hand.scores(x), rel=1e-12)
        assert found["output"]["a"][row] == pytest.approx(by_hand.probabilities(x), rel=1e-12)


def test_loss_terms_and_their_mean_are_those_of_the_definition(found: dict[str, Any]) -> None:
    by_hand = ByHand(_numbers())
    assert found["loss"]["terms"] == pytest.approx(by_hand.terms(), rel=1e-12)
    assert found["loss"]["mean"] == pytest.approx(by_hand.loss(), rel=1e-12)


def test_errors_come_back_through_the_chain_rule(found: dict[str, Any]) -> None:
    by_hand = ByHand(_numbers())
    hidden, output = found["layers"]
    for row, (x, label) in enumerate(zip(ROWS, LABELS, strict=True)):
        p = by_hand.probabilities(x)
        d = [(p[k] - (k == label)) / len(ROWS) for k in range(N_CLASSES)]
        assert output["delta"][row] == pytest.approx(d, rel=1e-12)
        back = [
            sum(d[k] * by_hand.V[j][k] for k in range(N_CLASSES))
            * (1.0 - math.tanh(by_hand.hidden(x)[j]) ** 2)
            for j in range(N_HIDDEN)
        ]
        assert hidden["delta"][row] == pytest.approx(back, rel=1e-11)


def test_gradients_and_differences_are_the_slopes_of_the_loss_by_hand(
    found: dict[str, Any],
) -> None:
    tensors = found["gradients"]["tensors"]
    slopes = _slopes(_numbers())
    by_backward = [g for tensor in tensors for g in tensor["gradient"]]
    by_differences = [g for tensor in tensors for g in tensor["finite_difference"]]
    assert by_backward == pytest.approx(slopes, rel=1e-6, abs=1e-9)
    assert by_differences == pytest.approx(slopes, rel=1e-6, abs=1e-9)


def test_the_step_lowers_the_loss_by_hand_too(found: dict[str, Any]) -> None:
    numbers = _numbers()
    tensors = found["update"]["tensors"]
    gradient = [g for tensor in tensors for g in tensor["gradient"]]
    after = [w - LEARNING_RATE * g for w, g in zip(numbers, gradient, strict=True)]
    assert [w for tensor in tensors for w in tensor["after"]] == pytest.approx(after, rel=1e-14)
    assert found["after"]["loss"] == pytest.approx(ByHand(after).loss(), rel=1e-12)
    change = ByHand(after).loss() - ByHand(numbers).loss()
    assert found["after"]["change"] == pytest.approx(change, rel=1e-9)
    assert change < 0.0
    expected = -LEARNING_RATE * sum(g * g for g in gradient)
    assert found["after"]["expected_change"] == pytest.approx(expected, rel=1e-12)


def test_adam_moves_every_number_by_about_the_learning_rate() -> None:
    plain, _ = trace_step(_problem(AdamSpec(learning_rate=0.1)), np.array(_numbers()))
    for tensor in plain["update"]["tensors"]:
        for place, gradient in enumerate(tensor["gradient"]):
            quantities = {name: values[place] for name, values in tensor["quantities"].items()}
            assert quantities["m"] == pytest.approx(0.1 * gradient)
            assert quantities["v"] == pytest.approx(0.001 * gradient**2)
            assert quantities["m_hat"] == pytest.approx(gradient)
            moved = tensor["after"][place] - tensor["before"][place]
            assert moved == pytest.approx(-0.1 * np.sign(gradient), rel=1e-4)


def test_a_kink_is_told_apart_from_a_mistake() -> None:
    asked = problem((DenseSpec(units=3, activation="relu"),))
    parameters = np.zeros(asked.network.n_parameters)
    parameters[:] = 0.5
    # A row of zeros on biases of 0 stands exactly at the kink of every unit.
    asked.data.X[0] = 0.0
    names = asked.network.layout.views(parameters)
    names["layers.0.bias"][:] = 0.0
    plain, _ = trace_step(asked, parameters)
    biases = plain["gradients"]["tensors"][2]
    assert biases["tensor"] == "layers.0.bias"
    assert biases["at_kink"] == [0, 1, 2]
    assert plain["gradients"]["passed"]


def test_rows_that_cross_a_kink_in_opposite_directions_do_not_hide_it() -> None:
    layers = (DenseSpec(units=1, activation="leaky_relu", initializer="zeros"),)
    asked = problem(layers)
    asked.data.X[:] = 0.0
    asked.data.X[0, 0], asked.data.X[1, 0] = 1.0, -1.0
    asked.data.y[:] = 0.0
    asked.data.y[0], asked.data.y[1] = 1.0, -1.0
    parameters = asked.network.initial_parameters(0, np.float64)
    plain, _ = trace_step(asked, parameters)
    weight = plain["gradients"]["tensors"][0]
    # Both rows take the slope 0.01 of their side; differences see 1.01 / 2 on both sides.
    assert weight["gradient"][0] / weight["finite_difference"][0] == pytest.approx(0.02 / 1.01)
    assert weight["at_kink"] == [0]


def test_a_gradient_of_zero_is_not_measured_against_its_own_rounding() -> None:
    # The batch norm takes out again what a bias before it adds.
    plain = traced(problem((DenseSpec(units=3, activation="identity"), BatchNormSpec())))
    assert plain["gradients"]["passed"]
    assert plain["gradients"]["worst_relative_error"] < 1e-4


def test_a_wrong_gradient_is_found() -> None:
    asked = problem((DenseSpec(units=3, activation="tanh"),))
    parameters = asked.network.initial_parameters(1, np.float64)
    entries = np.arange(asked.network.n_trainable)
    gradient = run(asked, parameters).gradient
    gradient[4] *= 1.001
    found = differences(asked, parameters, entries, gradient, on_kink=False)
    assert np.flatnonzero(~found.passed).tolist() == [4]


def test_numbers_that_overflow_are_null_and_named() -> None:
    asked = problem((DenseSpec(units=3, activation="exponential"),))
    parameters = np.full(asked.network.n_parameters, 1e3)
    plain, _ = trace_step(asked, parameters)
    assert plain["nonfinite"]["loss mean"] in {"inf", "nan"}
    assert plain["loss"]["mean"] is None
    assert not plain["gradients"]["passed"]


def test_a_large_network_is_sampled_and_says_so() -> None:
    asked = problem(tuple(DenseSpec(units=256) for _ in range(3)))
    parameters = asked.network.initial_parameters(0, np.float64)
    plain, _ = trace_step(asked, parameters)
    gradients = plain["gradients"]
    assert 0 < gradients["checked"] < gradients["parameters"] == asked.network.n_trainable
    sizes = {t["tensor"]: len(t["gradient"]) for t in gradients["tensors"]}
    assert min(sizes.values()) >= 1
    sampled = next(t for t in gradients["tensors"] if t["tensor"] == "layers.1.weight")
    assert len(sampled["entries"]) == len(sampled["gradient"]) < 256 * 256
    assert _count(plain) <= MAX_NUMBERS


def _count(plain: Any) -> int:
    if isinstance(plain, dict):
        return sum(map(_count, plain.values()))
    if isinstance(plain, list):
        return sum(map(_count, plain))
    return isinstance(plain, float)
