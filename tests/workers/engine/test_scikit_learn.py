"""Whole trainings against scikit-learn's networks, from its own initial weights."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from tests.workers.engine import problems
from workers.engine.spec import (
    Activation,
    AdamSpec,
    BinaryCrossEntropySpec,
    Loss,
    MseSpec,
    Optimizer,
    SgdSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)
from workers.engine.training import TrainingData, TrainingState, train

if TYPE_CHECKING:
    from workers.engine.tensors import Array

GATE = 1e-12
EPOCHS, BATCH, ROWS, INPUTS = 15, 16, 70, 5
TINY = 1e-30
"""As epsilon, where the two definitions of it (inside or outside the bias correction) agree; as
learning rate, one that changes no weight."""

METHODS: list[tuple[Optimizer, dict[str, Any]]] = [
    (SgdSpec(learning_rate=0.05), {"solver": "sgd", "momentum": 0.0}),
    (
        SgdSpec(learning_rate=0.05, momentum=0.9),
        {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False},
    ),
    (
        SgdSpec(learning_rate=0.05, momentum=0.9, nesterov=True),
        {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": True},
    ),
    (AdamSpec(learning_rate=0.01, epsilon=TINY), {"solver": "adam", "epsilon": TINY}),
]
TASKS: list[tuple[Loss, Activation, int]] = [
    (MseSpec(), "identity", 1),
    (BinaryCrossEntropySpec(), "sigmoid", 1),
    (SoftmaxCrossEntropySpec(), "softmax", 3),
]


@pytest.mark.parametrize("hidden", ["relu", "tanh"])
@pytest.mark.parametrize(("optimizer", "options"), METHODS, ids=lambda part: str(part)[:48])
@pytest.mark.parametrize(("loss", "output", "n_outputs"), TASKS, ids=lambda part: str(part)[:12])
def test_the_weights_are_those_of_scikit_learn(
    hidden: Activation,
    optimizer: Optimizer,
    options: dict[str, Any],
    loss: Loss,
    output: Activation,
    n_outputs: int,
) -> None:
    """Gate: 1e-12 in float64 after 75 steps, each epoch with a tail batch of 6 rows."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(ROWS, INPUTS))
    y = problems.targets(rng, loss, (ROWS, n_outputs))
    network = problems.network((INPUTS, 8, 6, n_outputs), hidden, output)
    rate = optimizer.learning_rate
    if isinstance(loss, MseSpec) and isinstance(optimizer, SgdSpec):
        rate *= 2.0  # its squared error has a factor 1/2
    kind = MLPRegressor if isinstance(loss, MseSpec) else MLPClassifier
    settings = options | {
        "hidden_layer_sizes": (8, 6),
        "activation": hidden,
        "alpha": 0.0,
        "batch_size": BATCH,
        "shuffle": False,
        "random_state": 11,
        "n_iter_no_change": EPOCHS + 1,
    }
    initial = _fit(kind(**settings, max_iter=1, learning_rate_init=TINY), X, y)
    theirs = _fit(kind(**settings, max_iter=EPOCHS, learning_rate_init=rate), X, y)

    spec = TrainingSpec(
        epochs=EPOCHS,
        batch_size=BATCH,
        loss=loss,
        optimizer=optimizer,
        shuffle=False,
        precision="float64",
    )
    state = TrainingState.initial(network, spec, seed=0)
    state.parameters[...] = initial
    for _ in train(network, state, TrainingData(X, y), spec, seed=0):
        pass

    assert np.abs(state.parameters - theirs).max() <= GATE
    assert np.abs(theirs - initial).max() > 1e-2


def _fit(model: Any, X: Array, y: Any) -> Array:
    """Train and return the weights in our order: all weights, then all biases."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y.ravel())
    return np.concatenate([part.ravel() for part in (*model.coefs_, *model.intercepts_)])
