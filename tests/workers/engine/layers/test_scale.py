"""The scaling layer: one learned number for each column, and how fast it is learned."""

from __future__ import annotations

import numpy as np

from tests.workers.engine.layers.at_work import AtWork, network
from workers.engine.network import Network
from workers.engine.problem import TrainingData
from workers.engine.spec import AdamSpec, DenseSpec, MseSpec, NetworkSpec, ScaleSpec, TrainingSpec
from workers.engine.training import TrainingState, train

X = np.random.default_rng(0).normal(size=(6, 3))
SCALE = np.array([2.0, -1.0, 0.0])


def test_every_column_is_multiplied_by_its_number_and_the_factor() -> None:
    given = {"scales.0.scale": SCALE}
    for learning in (True, False):
        work = AtWork(
            network(ScaleSpec(factor=4.0), n_inputs=3), X, learning=learning, tensors=given
        )
        work.forward()
        np.testing.assert_allclose(work.results["scales.0"], 4.0 * SCALE * X, rtol=1e-14)


def test_it_starts_by_leaving_every_column_as_it_is() -> None:
    for factor in (1.0, 64.0):
        work = AtWork(network(ScaleSpec(factor=factor), n_inputs=3), X)
        work.forward()
        assert np.array_equal(work.results["scales.0"], X)


def test_adam_moves_it_as_many_times_faster_as_the_factor_says() -> None:
    """Adam's first step is one learning rate long, whatever the gradient."""
    moved = []
    for factor in (1.0, 8.0):
        built = Network(
            NetworkSpec(layers=(ScaleSpec(factor=factor), DenseSpec(units=4, activation="tanh"))),
            n_inputs=3,
            n_outputs=1,
            output_activation="identity",
        )
        spec = TrainingSpec(
            epochs=1,
            batch_size=6,
            loss=MseSpec(),
            optimizer=AdamSpec(learning_rate=1e-3, epsilon=1e-12),
            precision="float64",
        )
        state = TrainingState.initial(built, spec, 0)
        for _ in train(built, state, TrainingData(X, X[:, :1] + 1.0), spec, 0):
            pass
        moved.append(factor * built.layout.views(state.parameters)["scales.0.scale"] - 1.0)
    np.testing.assert_allclose(np.abs(moved[0]), 1e-3, rtol=1e-6)
    np.testing.assert_allclose(moved[1], 8.0 * moved[0], rtol=1e-6)
