"""Penalties, bounds and clipping: by the closed form, on the tensors that they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.workers.engine import problems
from workers.engine.network import Network
from workers.engine.spec import (
    DenseSpec,
    MseSpec,
    NetworkSpec,
    OutputSpec,
    SgdSpec,
    TrainingSpec,
)
from workers.engine.steps.regularization import Clipping, MaxNorms, Penalties
from workers.engine.tensors import Memory
from workers.engine.training import TrainingData, TrainingState, train

if TYPE_CHECKING:
    from workers.engine.backend import DType
    from workers.engine.tensors import Array

DOUBLE: DType = np.dtype(np.float64)
MEMORY = Memory(np, DOUBLE)


def network(**fields: Any) -> Network:
    """Three inputs, a regularised layer of two, an output of one."""
    spec = NetworkSpec(layers=(DenseSpec(units=2, activation="identity", **fields),))
    return Network(spec, n_inputs=3, n_outputs=1, output_activation="identity")


def clipped(gradient: Array, **fields: Any) -> Array:
    spec = TrainingSpec(epochs=1, batch_size=1, loss=MseSpec(), **fields)
    g = gradient.copy()
    with np.errstate(all="ignore"):
        Clipping(spec, g, Memory(np, g.dtype)).apply()
    return g


def test_a_penalty_pulls_at_the_weights_of_its_layer_alone() -> None:
    net = network(l1=0.5, l2=2.0)
    rng = np.random.default_rng(0)
    w, g = rng.normal(size=net.n_parameters), np.zeros(net.n_trainable)
    penalties = Penalties(net, w, g, MEMORY)
    penalties.add()
    W = net.layout.views(w)["layers.0.weight"]
    slopes = net.trainable.views(g)
    np.testing.assert_allclose(slopes["layers.0.weight"], 0.5 * np.sign(W) + 2.0 * W, rtol=1e-15)
    assert not any(slope.any() for name, slope in slopes.items() if name != "layers.0.weight")
    expected = 0.5 * np.abs(W).sum() + (W**2).sum()
    assert float(penalties.value()) == pytest.approx(expected, rel=1e-14)


def test_the_output_layer_may_have_a_penalty_of_its_own() -> None:
    spec = NetworkSpec(output=OutputSpec(l2=3.0))
    net = Network(spec, n_inputs=2, n_outputs=2, output_activation="identity")
    w, g = np.arange(6.0), np.zeros(6)
    Penalties(net, w, g, MEMORY).add()
    assert g.tolist() == [0.0, 3.0, 6.0, 9.0, 0.0, 0.0]


def test_ridge_regression_is_solved_to_its_closed_form() -> None:
    """mean (X w + b - y)^2 + l2 / 2 |w|^2, the reported loss without the penalty."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 1))
    net = Network(
        NetworkSpec(output=OutputSpec(l2=0.3)),
        n_inputs=3,
        n_outputs=1,
        output_activation="identity",
    )
    spec = TrainingSpec(
        epochs=600,
        batch_size=50,
        loss=MseSpec(),
        optimizer=SgdSpec(learning_rate=0.2),
        precision="float64",
    )
    state, progress = problems.run_to_end(net, TrainingData(X, y), spec)
    A = np.hstack([X, np.ones((50, 1))])
    exact = np.linalg.solve(A.T @ A / 25 + np.diag([0.3] * 3 + [0.0]), A.T @ y / 25)
    np.testing.assert_allclose(state.parameters, exact[:, 0], atol=1e-12)
    report = progress[-1].report
    assert report is not None
    assert report.train_loss == pytest.approx(((A @ exact - y) ** 2).mean(), rel=1e-10)


def test_long_columns_of_weights_are_scaled_down_to_the_bound() -> None:
    net = network(max_norm=2.0)
    w = np.ones(net.n_parameters)
    W = net.layout.views(w)["layers.0.weight"]
    W[:, 0] = [3.0, 0.0, 4.0]
    W[:, 1] = [0.1, 0.2, 0.2]
    MaxNorms(net, w, MEMORY).apply()
    np.testing.assert_allclose(W[:, 0], [1.2, 0.0, 1.6], rtol=1e-15)
    assert W[:, 1].tolist() == [0.1, 0.2, 0.2]
    W[...] = 0.0
    with np.errstate(divide="ignore"):
        MaxNorms(net, w, MEMORY).apply()
    assert not W.any()


def test_a_bound_holds_after_every_step() -> None:
    rng = np.random.default_rng(2)
    data = TrainingData(rng.normal(size=(40, 3)), 10.0 * rng.normal(size=(40, 1)))
    net = network(max_norm=0.5)
    spec = TrainingSpec(
        epochs=5, batch_size=8, loss=MseSpec(), optimizer=SgdSpec(learning_rate=0.05)
    )
    state = TrainingState.initial(net, spec, 0)
    W = net.layout.views(state.parameters)["layers.0.weight"]
    lengths = []
    for _ in train(net, state, data, spec, 0, clock=iter(range(10**6)).__next__):
        lengths.append(np.linalg.norm(W, axis=0).max())
    assert len(lengths) == 25
    assert max(lengths) <= 0.5 * (1.0 + 1e-6)
    assert max(lengths) > 0.49


def test_a_long_gradient_is_scaled_to_the_norm() -> None:
    """g min(1, max / (norm + 1e-6)): also a gradient just as long is scaled a little."""
    g = np.array([3.0, 0.0, -4.0])
    np.testing.assert_allclose(clipped(g, clip_norm=1.0), g / 5.000001, rtol=1e-15)
    np.testing.assert_allclose(clipped(g, clip_norm=5.0), g * 5.0 / 5.000001, rtol=1e-15)
    assert clipped(g, clip_norm=6.0).tolist() == g.tolist()
    assert clipped(np.zeros(3), clip_norm=1.0).tolist() == [0.0] * 3


def test_elements_are_cut_off_before_the_norm_is_taken() -> None:
    g = np.array([30.0, 0.5, -4.0])
    assert clipped(g, clip_value=1.0).tolist() == [1.0, 0.5, -1.0]
    np.testing.assert_allclose(
        clipped(g, clip_value=1.0, clip_norm=0.75), np.array([1, 0.5, -1]) / 2, rtol=1e-6
    )


@pytest.mark.parametrize("fields", [{"clip_value": 1.0}, {"clip_norm": 1.0}], ids=str)
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_clipping_hides_no_gradient_that_is_not_finite(
    fields: dict[str, float], value: float
) -> None:
    assert np.isnan(clipped(np.array([1.0, value, 2.0]), **fields)).any()


def test_a_norm_beyond_the_precision_is_not_taken_for_a_small_step() -> None:
    """Squares of 1e30 overflow in float32: scaled by 1 / inf, training would stand still."""
    assert np.isnan(clipped(np.full(3, 1e30, np.float32), clip_norm=1.0)).all()


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), DOUBLE], ids=str)
def test_a_stacked_member_is_regularised_as_it_would_be_alone(dtype: DType) -> None:
    net, memory = network(l1=0.1, l2=0.2, max_norm=0.7), Memory(np, dtype)
    spec = TrainingSpec(epochs=1, batch_size=1, loss=MseSpec(), clip_norm=0.6, clip_value=0.5)
    rng = np.random.default_rng(3)
    w = rng.normal(size=(4, net.n_parameters)).astype(dtype)
    g = rng.normal(size=(4, net.n_trainable)).astype(dtype)
    alone = []
    for k in range(4):
        own_w, own_g = w[k].copy(), g[k].copy()
        _regularise(net, spec, own_w, own_g, memory)
        alone.append(own_w.tobytes() + own_g.tobytes())
    _regularise(net, spec, w, g, memory)
    assert [w[k].tobytes() + g[k].tobytes() for k in range(4)] == alone


def _regularise(net: Network, spec: TrainingSpec, w: Array, g: Array, memory: Memory) -> None:
    Penalties(net, w, g, memory).add()
    Clipping(spec, g, memory).apply()
    MaxNorms(net, w, memory).apply()
