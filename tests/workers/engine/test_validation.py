"""Validation in portions: the same numbers as in one, and a place to stop in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.workers.engine import problems
from workers.engine import forward
from workers.engine.kernels.plain import PLAIN
from workers.engine.problem import Problem
from workers.engine.spec import SoftmaxCrossEntropySpec, TrainingSpec
from workers.engine.training import TrainingData, TrainingState, train
from workers.engine.validation import Validation

if TYPE_CHECKING:
    from workers.engine.network import Network

MANY = 10_000


def judging(network: Network, data: TrainingData) -> Problem:
    spec = problems.classifier(precision="float64")
    return Problem(network, data, spec, seed=0, kernels=PLAIN)


def test_the_loss_is_the_mean_over_all_rows_whatever_the_portions() -> None:
    rng = np.random.default_rng(0)
    network = problems.network((4, 9, 3), "tanh", "softmax")
    parameters = network.initial_parameters(0, np.float64)
    X, y = rng.normal(size=(MANY, 4)), rng.integers(0, 3, MANY)
    validation = Validation(judging(network, TrainingData(X, y, X, y)))
    portions = 1 + sum(1 for _ in validation.run(parameters))
    assert portions > 2
    expected = forward.outputs(network, parameters, X)
    np.testing.assert_array_equal(validation.outputs, expected)
    in_one = -np.log(expected[np.arange(MANY), y]).mean()
    assert validation.loss == pytest.approx(in_one, rel=1e-12)


def test_it_reads_the_parameters_as_they_are_at_that_time() -> None:
    network = problems.network((2, 2), output="softmax")
    parameters = np.zeros(network.n_parameters)
    rows = (np.ones((3, 2)), np.array([0, 0, 0]))
    validation = Validation(judging(network, TrainingData(*rows, *rows)))
    list(validation.run(parameters))
    assert validation.loss == pytest.approx(np.log(2))
    before = validation.outputs
    network.layout.views(parameters)["layers.0.bias"][0] = 50.0
    list(validation.run(parameters))
    assert validation.loss == pytest.approx(0.0, abs=1e-12)
    assert before.tolist() == [[0.5, 0.5]] * 3


def test_training_goes_on_from_the_middle_of_a_validation() -> None:
    data = problems.classes(n_rows=64, n_validation=MANY)
    network = problems.network((4, 5, 3), output="softmax")
    spec = TrainingSpec(epochs=2, batch_size=32, loss=SoftmaxCrossEntropySpec())
    undisturbed, expected = problems.run_to_end(network, data, spec)
    state = TrainingState.initial(network, spec, 0)
    for progress in train(network, state, data, spec, 0):
        if progress.report is None and state.step == 4:
            break
    back = TrainingState.from_parts(state.arrays(), state.scalars())
    assert back.epoch == 1
    rest = list(train(network, back, data, spec, 0))
    assert back.parameters.tobytes() == undisturbed.parameters.tobytes()
    assert rest[-1].report is not None
    assert expected[-1].report is not None
    assert rest[-1].report.val_loss == expected[-1].report.val_loss


def test_no_rows_are_refused() -> None:
    data, nothing = problems.classes(), (np.empty((0, 4)), np.empty(0, np.intp))
    network = problems.network((4, 3), output="softmax")
    spec = TrainingSpec(epochs=1, batch_size=32, loss=SoftmaxCrossEntropySpec())
    for empty in (TrainingData(*nothing), TrainingData(data.X, data.y, *nothing)):
        with pytest.raises(ValueError, match="no rows"):
            problems.run_to_end(network, empty, spec)


def test_targets_of_the_wrong_shape_are_refused() -> None:
    data = problems.classes()
    wrong = TrainingData(data.X, data.y, data.X_validation, data.y_validation[:-1])  # type: ignore[index]
    network = problems.network((4, 3), output="softmax")
    spec = TrainingSpec(epochs=1, batch_size=32, loss=SoftmaxCrossEntropySpec())
    with pytest.raises(ValueError, match="targets of shape"):
        problems.run_to_end(network, wrong, spec)


def test_rows_count_by_their_weights_whatever_the_portions() -> None:
    rng = np.random.default_rng(1)
    network = problems.network((4, 9, 3), "tanh", "softmax")
    parameters = network.initial_parameters(0, np.float64)
    X, y = rng.normal(size=(MANY, 4)), rng.integers(0, 3, MANY)
    weights = rng.uniform(size=MANY) * (y != 0)
    data = TrainingData(X, y, X, y, weights_validation=weights)
    validation = Validation(judging(network, data))
    list(validation.run(parameters))
    p = forward.outputs(network, parameters, X)[np.arange(MANY), y]
    assert validation.loss == pytest.approx(-(weights * np.log(p)).sum() / weights.sum(), rel=1e-12)
