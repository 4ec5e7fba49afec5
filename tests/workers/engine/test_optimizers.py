"""Optimisers: first steps in closed form; whole trajectories stand in test_vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from workers.engine import optimizers
from workers.engine.kernels.plain import PLAIN
from workers.engine.kernels.plain.updates import PIECE
from workers.engine.spec import AdamSpec, Optimizer, SgdSpec

if TYPE_CHECKING:
    from workers.engine.backend import DType
    from workers.engine.tensors import Array


def one_step(spec: Optimizer, w: Array, g: Array, n: int = 1) -> Array:
    moved, gradient = w.copy(), g.copy()
    slots = optimizers.initial_slots(spec, moved)
    bound = optimizers.on_parameters(spec, moved, gradient, slots, PLAIN)
    bound.step(n, spec.learning_rate)
    return moved


def test_the_first_step_of_momentum_is_that_of_plain_descent() -> None:
    w, g = np.array([1.0, -2.0]), np.array([0.5, 4.0])
    plain = one_step(SgdSpec(learning_rate=0.1), w, g)
    assert plain.tolist() == pytest.approx([0.95, -2.4])
    with_momentum = one_step(SgdSpec(learning_rate=0.1, momentum=0.9), w, g)
    np.testing.assert_array_equal(with_momentum, plain)


def test_nesterov_steps_along_the_gradient_and_its_look_ahead() -> None:
    moved = one_step(
        SgdSpec(learning_rate=0.1, momentum=0.9, nesterov=True), np.zeros(1), np.ones(1)
    )
    assert moved == pytest.approx(-0.1 * 1.9)


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
def test_the_first_step_of_adam_is_the_learning_rate_whatever_the_gradient(dtype: DType) -> None:
    """Bias-corrected, m_hat / sqrt(v_hat) is the sign of the gradient."""
    g = np.array([1e-3, -5.0, 1e4], dtype)
    moved = one_step(AdamSpec(learning_rate=0.01, epsilon=1e-12), np.zeros(3, dtype), g)
    np.testing.assert_allclose(moved, -0.01 * np.sign(g), rtol=1e-6)


@pytest.mark.parametrize(
    "spec", [SgdSpec(), SgdSpec(momentum=0.9), SgdSpec(momentum=0.9, nesterov=True), AdamSpec()]
)
def test_a_long_vector_is_updated_like_its_parts(spec: Optimizer) -> None:
    """The kernels work piece by piece; no element is left out or taken twice at a seam."""
    size = 2 * PIECE + 5
    rng = np.random.default_rng(0)
    w, g = rng.normal(size=size), rng.normal(size=size)
    whole = one_step(spec, w, g)
    parts = [one_step(spec, w[i::3], g[i::3]) for i in range(3)]
    for i, part in enumerate(parts):
        np.testing.assert_array_equal(whole[i::3], part)
