"""L-BFGS: against SciPy on a convex problem, and its line search on functions of one variable."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.optimize

from tests.workers.engine import problems
from workers.engine.network import Network
from workers.engine.spec import (
    DenseSpec,
    LbfgsSpec,
    MseSpec,
    NetworkSpec,
    OutputSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)
from workers.engine.steps.line_search import ENOUGH, FLAT, LineSearch, Point
from workers.engine.training import TrainingData, train

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.tensors import Array

ROWS, INPUTS, CLASSES = 80, 6, 3
PENALTY = 0.05


def regression_data() -> tuple[Array, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(ROWS, INPUTS)), rng.integers(0, CLASSES, ROWS)


def linear(l2: float = PENALTY) -> Network:
    return Network(
        NetworkSpec(output=OutputSpec(l2=l2)),
        n_inputs=INPUTS,
        n_outputs=CLASSES,
        output_activation="softmax",
    )


def lbfgs(**changes: Any) -> TrainingSpec:
    fields: dict[str, Any] = {
        "epochs": 60,
        "batch_size": ROWS,
        "loss": SoftmaxCrossEntropySpec(),
        "optimizer": LbfgsSpec(),
        "precision": "float64",
    }
    return TrainingSpec(**(fields | changes))


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_logistic_regression_ends_where_scipy_ends(weighted: bool) -> None:
    """A strictly convex objective, with a penalty, has one minimum: the same to 1e-7."""
    X, y = regression_data()
    weights = np.random.default_rng(1).uniform(0, 3, ROWS) if weighted else None
    share = np.full(ROWS, 1 / ROWS) if weights is None else weights / weights.sum()

    def objective(w: Array) -> tuple[float, Array]:
        W, b = w[:-CLASSES].reshape(INPUTS, CLASSES), w[-CLASSES:]
        z = X @ W + b
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        value = -(share * np.log(p[np.arange(ROWS), y])).sum() + PENALTY / 2 * (W**2).sum()
        p[np.arange(ROWS), y] -= 1.0
        dz = p * share[:, None]
        return value, np.concatenate([(X.T @ dz + PENALTY * W).ravel(), dz.sum(axis=0)])

    theirs = scipy.optimize.minimize(
        objective,
        np.zeros(linear().n_parameters),
        jac=True,
        method="L-BFGS-B",
        options={"ftol": 1e-16, "gtol": 1e-13, "maxiter": 1000},
    )
    data = TrainingData(X, y, weights=weights)
    state, _ = problems.run_to_end(linear(), data, lbfgs())
    reached, slope = objective(state.parameters)
    assert reached == pytest.approx(theirs.fun, abs=1e-14)
    assert np.abs(slope).max() < 1e-7
    # Biases may all move together: the weights are unique.
    np.testing.assert_allclose(state.parameters[:-CLASSES], theirs.x[:-CLASSES], atol=1e-7)


def test_least_squares_takes_few_steps() -> None:
    """Linear least squares in five unknowns, to eight digits in twenty-five steps."""
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(30, 4)) * [1, 2, 3, 5], rng.normal(size=(30, 1))
    network = problems.network((4, 1))
    spec = lbfgs(epochs=25, batch_size=30, loss=MseSpec())
    state, _ = problems.run_to_end(network, TrainingData(X, y), spec)
    exact, *_ = np.linalg.lstsq(np.hstack([X, np.ones((30, 1))]), y, rcond=None)
    np.testing.assert_allclose(state.parameters, exact[:, 0], atol=1e-8)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_no_step_goes_uphill(precision: str) -> None:
    """On the rough ground of a network with hidden units, to the precision of the loss."""
    X, y = regression_data()
    network = problems.network((INPUTS, 16, CLASSES), "tanh", "softmax")
    _, progress = problems.run_to_end(network, TrainingData(X, y), lbfgs(precision=precision))
    losses = [p.report.train_loss for p in progress if p.report]
    assert len(losses) == 60
    assert np.diff(losses).max() <= 1e-6
    assert losses[-1] < 0.1 * losses[0]


def test_what_its_search_cannot_take_is_refused() -> None:
    X, y = regression_data()
    data = TrainingData(X, y)
    for wrong in (lbfgs(batch_size=ROWS - 1), lbfgs(clip_norm=1.0), lbfgs(clip_value=1.0)):
        with pytest.raises(ValueError, match="L-BFGS"):
            problems.run_to_end(linear(), data, wrong)
    bounded = Network(
        NetworkSpec(layers=(DenseSpec(units=4, max_norm=1.0),)),
        n_inputs=INPUTS,
        n_outputs=CLASSES,
        output_activation="softmax",
    )
    with pytest.raises(ValueError, match="L-BFGS"):
        problems.run_to_end(bounded, data, lbfgs())


def test_at_the_bottom_it_stays() -> None:
    """No slope is left, so there is no direction: the parameters do not move, and stay finite."""
    network = problems.network((2, 1))
    data = TrainingData(np.ones((4, 2)), np.zeros((4, 1)))
    spec = lbfgs(epochs=30, batch_size=4, loss=MseSpec())
    state, progress = problems.run_to_end(network, data, spec)
    assert state.stop_reason == "max_epochs"
    last = progress[-1].report
    assert last is not None
    assert last.train_loss < 1e-25


def test_a_search_in_vain_forgets_what_led_it_astray() -> None:
    """One look, far too far away: nothing moves, and the next direction is the steepest."""
    X, y = regression_data()
    data, vain = TrainingData(X, y), LbfgsSpec(learning_rate=10.0, max_evaluations=1)
    state, _ = problems.run_to_end(linear(), data, lbfgs(epochs=4))
    before, objective = state.parameters.copy(), state.slots["objective"].copy()
    assert state.slots["steps"].any()
    state.stop_reason = None
    for _ in train(linear(), state, data, lbfgs(epochs=5, optimizer=vain), 0):
        pass
    assert state.parameters.tobytes() == before.tobytes()
    assert state.slots["objective"].tobytes() == objective.tobytes()
    assert not state.slots["steps"].any()
    assert not state.slots["changes"].any()


def test_what_a_checkpoint_keeps_is_true_where_the_parameters_stand() -> None:
    """The gradient, the objective with its penalty, the loss; steps and changes that belong."""
    X, y = regression_data()
    state, progress = problems.run_to_end(linear(), TrainingData(X, y), lbfgs(epochs=6))
    W = state.parameters[:-CLASSES].reshape(INPUTS, CLASSES)
    z = X @ W + state.parameters[-CLASSES:]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(ROWS), y]).mean()
    p[np.arange(ROWS), y] -= 1.0
    slope = np.concatenate([(X.T @ p / ROWS + PENALTY * W).ravel(), p.mean(axis=0)])
    np.testing.assert_allclose(state.slots["gradient"], slope, atol=1e-14)
    expected = [loss + PENALTY / 2 * (W**2).sum(), loss]
    np.testing.assert_allclose(state.slots["objective"], expected, rtol=1e-14)
    before, _ = problems.run_to_end(linear(), TrainingData(X, y), lbfgs(epochs=5))
    step = state.parameters - before.parameters
    change = state.slots["gradient"] - before.slots["gradient"]
    np.testing.assert_allclose(state.slots["steps"][-1], step, atol=1e-14)
    np.testing.assert_allclose(state.slots["changes"][-1], change, atol=1e-14)
    assert progress[-1].report is not None
    # A sum over the rows, divided by them again: the last digit may be lost on the way.
    objective = float(before.slots["objective"][1])
    assert progress[-1].report.train_loss == pytest.approx(objective, rel=4e-16, abs=0.0)


FUNCTIONS: list[tuple[str, Callable[[float], float], Callable[[float], float]]] = [
    ("parabola", lambda t: (t - 3.0) ** 2, lambda t: 2.0 * (t - 3.0)),
    ("quartic", lambda t: (t - 0.01) ** 4, lambda t: 4.0 * (t - 0.01) ** 3),
    ("wave", lambda t: math.cos(t) + 0.05 * t, lambda t: -math.sin(t) + 0.05),
    ("valley", lambda t: -t / (t * t + 2.0), lambda t: (t * t - 2.0) / (t * t + 2.0) ** 2),
    (
        "wall",
        lambda t: -t if t < 2.0 else math.inf,
        lambda t: -1.0 if t < 2.0 else math.nan,
    ),
]


@pytest.mark.parametrize(("name", "f", "df"), FUNCTIONS, ids=[name for name, *_ in FUNCTIONS])
@pytest.mark.parametrize("first", [1e-3, 1.0, 50.0])
def test_the_point_found_fulfils_the_strong_wolfe_conditions(
    name: str, f: Callable[[float], float], df: Callable[[float], float], first: float
) -> None:
    """Where there is such a point; before a wall it goes as far as the evaluations last."""
    offset = 0.1 if name == "wave" else 0.0
    start = Point(0.0, f(offset), df(offset))
    asked = []

    def at(t: float) -> Point:
        asked.append(t)
        return Point(t, f(t + offset), df(t + offset))

    found = LineSearch(at, start, 25).run(first)
    assert len(asked) <= 25
    assert found.value <= start.value + ENOUGH * found.t * start.slope
    if name == "wall":
        assert 0.0 < found.t < 2.0
    else:
        assert abs(found.slope) <= FLAT * abs(start.slope)


def test_a_search_without_a_lower_point_ends_where_it_began() -> None:
    """A slope that lies: the function only rises."""
    start = Point(0.0, 1.0, -1.0)
    found = LineSearch(lambda t: Point(t, 1.0 + t, 1.0), start, 9).run(1.0)
    assert found == start
