"""Optimisers: their steps against the textbook's formulas; PyTorch's stand in the vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest

from workers.engine import optimizers
from workers.engine.kernels.contract import UpdateVectors
from workers.engine.kernels.plain import PLAIN
from workers.engine.kernels.plain.pieces import PIECE
from workers.engine.spec import (
    AdadeltaSpec,
    AdagradSpec,
    AdamaxSpec,
    AdamSpec,
    AdamWSpec,
    LbfgsSpec,
    NadamSpec,
    Optimizer,
    RmspropSpec,
    SgdSpec,
)
from workers.engine.tensors import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workers.engine.backend import DType
    from workers.engine.tensors import Array

SPECS: list[Optimizer] = [
    SgdSpec(),
    SgdSpec(momentum=0.9),
    SgdSpec(momentum=0.9, nesterov=True),
    SgdSpec(nesterov=True),
    AdamSpec(),
    AdamSpec(beta1=0.0, beta2=0.0),
    AdamWSpec(weight_decay=0.1),
    RmspropSpec(),
    RmspropSpec(momentum=0.5),
    RmspropSpec(centered=True),
    RmspropSpec(centered=True, momentum=0.5, alpha=0.5),
    AdagradSpec(),
    AdadeltaSpec(),
    AdamaxSpec(),
    NadamSpec(),
    NadamSpec(beta1=0.99, momentum_decay=0.1),
    NadamSpec(beta1=0.0),
]
every = pytest.mark.parametrize("spec", SPECS, ids=str)
DTYPES = pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)], ids=str)


def move(
    spec: Optimizer,
    w: Array,
    gradients: Sequence[Array],
    n_decayed: int = 0,
    rates: tuple[float, ...] = (),
) -> Array:
    """Where the parameters (..., P) come to by these gradients, one step for each."""
    moved, gradient = w.copy(), np.empty_like(w)
    memory = Memory(np, w.dtype)
    fresh = optimizers.initial_slots(spec, w.shape[-1], w.dtype)
    slots = {name: np.zeros((*w.shape[:-1], *slot.shape), w.dtype) for name, slot in fresh.items()}
    vectors = UpdateVectors(moved, gradient, slots, n_decayed)
    update = PLAIN.updates[spec.type](spec, memory, vectors)
    for n, g in enumerate(gradients, start=1):
        gradient[...] = g
        if rates:
            own = [optimizers.coefficients(spec, n, rate) for rate in rates]
            update(tuple(np.array(column)[:, None] for column in zip(*own, strict=True)))
        else:
            update(optimizers.coefficients(spec, n, spec.learning_rate))
    return moved


def textbook(  # noqa: C901 - a formula for each
    spec: Any, w: float, gradients: list[float]
) -> float:
    """The formulas of the specification, one number at a time and without shortcuts."""
    m = v = a = b = u = 0.0
    lr, product = spec.learning_rate, 1.0
    for n, g in enumerate(gradients, start=1):
        match spec:
            case SgdSpec():
                b = spec.momentum * b + g
                w -= lr * (g + spec.momentum * b if spec.nesterov else b)
            case AdamSpec() | AdamWSpec():
                w *= 1.0 - lr * getattr(spec, "weight_decay", 0.0)
                m = spec.beta1 * m + (1 - spec.beta1) * g
                v = spec.beta2 * v + (1 - spec.beta2) * g * g
                root = (v / (1 - spec.beta2**n)) ** 0.5 + spec.epsilon
                w -= lr * m / (1 - spec.beta1**n) / root
            case RmspropSpec():
                v = spec.alpha * v + (1 - spec.alpha) * g * g
                a = spec.alpha * a + (1 - spec.alpha) * g
                root = (v - a * a if spec.centered else v) ** 0.5 + spec.epsilon
                b = spec.momentum * b + g / root
                w -= lr * b
            case AdagradSpec():
                v += g * g
                w -= lr * g / (v**0.5 + spec.epsilon)
            case AdadeltaSpec():
                v = spec.rho * v + (1 - spec.rho) * g * g
                d = (u + spec.epsilon) ** 0.5 / (v + spec.epsilon) ** 0.5 * g
                u = spec.rho * u + (1 - spec.rho) * d * d
                w -= lr * d
            case AdamaxSpec():
                m = spec.beta1 * m + (1 - spec.beta1) * g
                u = max(spec.beta2 * u, abs(g) + spec.epsilon)
                w -= lr / (1 - spec.beta1**n) * m / u
            case NadamSpec():
                mu = [spec.beta1 * (1 - 0.96 ** (k * spec.momentum_decay) / 2) for k in (n, n + 1)]
                product *= mu[0]
                m = spec.beta1 * m + (1 - spec.beta1) * g
                v = spec.beta2 * v + (1 - spec.beta2) * g * g
                ahead = mu[1] * m / (1 - product * mu[1]) + (1 - mu[0]) * g / (1 - product)
                w -= lr * ahead / ((v / (1 - spec.beta2**n)) ** 0.5 + spec.epsilon)
    return w


def test_every_optimiser_has_a_case() -> None:
    kinds = {member.type for member in get_args(get_args(Optimizer)[0])}
    assert {spec.type for spec in SPECS} == kinds - {LbfgsSpec.type} == set(PLAIN.updates)


@every
def test_sixty_steps_are_those_of_the_formula(spec: Optimizer) -> None:
    """Gate 1e-12 in float64, on gradients of many sizes."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=5)
    gradients = [rng.normal(size=5) * 10.0 ** rng.integers(-3, 3, 5) for _ in range(60)]
    moved = move(spec, w, gradients, n_decayed=5)
    for i in range(5):
        expected = textbook(spec, float(w[i]), [float(g[i]) for g in gradients])
        assert moved[i] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    "spec",
    [
        AdamSpec(epsilon=1e-12),
        AdamWSpec(epsilon=1e-12),
        NadamSpec(momentum_decay=0.0),
        AdamaxSpec(),
    ],
    ids=lambda spec: spec.type,
)
@DTYPES
def test_the_first_step_of_adam_and_kin_does_not_depend_on_the_size_of_the_gradient(
    spec: Optimizer, dtype: DType
) -> None:
    """Bias-corrected, m_hat / sqrt(v_hat) is the sign of the gradient."""
    g = np.array([1e-2, -5.0, 1e4], dtype)
    moved = move(spec, np.zeros(3, dtype), [g])
    np.testing.assert_allclose(moved / moved[0], np.sign(g), rtol=3e-6)


def test_decay_acts_on_the_weights_alone() -> None:
    """The first n_decayed of the vector; with a gradient of 0 nothing else moves."""
    w = np.ones(PIECE + 10)
    for n_decayed in (0, 3, PIECE + 4):
        spec = AdamWSpec(learning_rate=0.1, weight_decay=0.5)
        moved = move(spec, w, [np.zeros_like(w)], n_decayed)
        np.testing.assert_allclose(moved[:n_decayed], 0.95, rtol=1e-15)
        np.testing.assert_array_equal(moved[n_decayed:], 1.0)


@every
def test_a_long_vector_is_updated_like_its_parts(spec: Optimizer) -> None:
    """The kernels work piece by piece; no element is left out or taken twice at a seam."""
    rng = np.random.default_rng(0)
    size = 2 * PIECE + 5
    w, gradients = rng.normal(size=size), [rng.normal(size=size) for _ in range(3)]
    whole = move(spec, w, gradients)
    for i in range(3):
        part = move(spec, w[i::3].copy(), [g[i::3] for g in gradients])
        np.testing.assert_array_equal(whole[i::3], part)


@every
@DTYPES
def test_a_stacked_member_moves_as_it_would_alone(spec: Optimizer, dtype: DType) -> None:
    """With a learning rate of its own."""
    rng = np.random.default_rng(1)
    w = rng.normal(size=(3, PIECE // 2)).astype(dtype)
    gradients = [rng.normal(size=w.shape).astype(dtype) for _ in range(4)]
    together = move(spec, w, gradients, n_decayed=7, rates=(1e-3, 1e-2, 0.5))
    for k, rate in enumerate((1e-3, 1e-2, 0.5)):
        own = [g[k].copy() for g in gradients]
        alone = move(replace(spec, learning_rate=rate), w[k].copy(), own, n_decayed=7)
        assert together[k].tobytes() == alone.tobytes()


@every
def test_what_is_not_trained_stays(spec: Optimizer) -> None:
    """Parameters behind the gradient's end are buffers."""
    parameters, gradient = np.ones(8), np.ones(5)
    memory = Memory(np, parameters.dtype)
    slots = optimizers.initial_slots(spec, 5, parameters.dtype)
    vectors = UpdateVectors(parameters, gradient, slots, 4)
    update = PLAIN.updates[spec.type](spec, memory, vectors)
    update(optimizers.coefficients(spec, 1, 0.1))
    assert (parameters[:5] != 1.0).all()
    assert (parameters[5:] == 1.0).all()


@every
def test_the_numbers_of_many_steps_at_once_are_those_of_each(spec: Optimizer) -> None:
    steps = np.array([1, 2, 3, 57, 58, 1000, 10**6, 10**9])
    rates = np.linspace(0.1, 0.2, len(steps))
    together = optimizers.coefficients(spec, steps, rates)
    for i, (n, rate) in enumerate(zip(steps, rates, strict=True)):
        one = optimizers.coefficients(spec, int(n), float(rate))
        assert [float(c[i]) for c in together] == pytest.approx([float(c) for c in one], rel=1e-14)


def test_a_quadratic_is_descended_as_its_closed_form_says() -> None:
    """On L = w^2 / 2 plain descent multiplies w by (1 - lr) at every step."""
    spec = SgdSpec(learning_rate=0.1)
    w, memory = np.array([3.0]), Memory(np, np.dtype(np.float64))
    gradient = np.empty(1)
    update = PLAIN.updates["sgd"](spec, memory, UpdateVectors(w, gradient, {}, 0))
    for n in range(1, 51):
        gradient[...] = w
        update(optimizers.coefficients(spec, n, 0.1))
    assert w[0] == pytest.approx(3.0 * 0.9**50, rel=1e-12)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_every_optimiser_finds_the_bottom_of_a_bowl(spec: Any) -> None:
    """An uneven one, the eigenvalues of which are 1 and 10."""
    curvature = np.array([1.0, 10.0])
    rates: dict[str, float] = {"adagrad": 0.5, "adadelta": 10.0, "sgd": 0.05}
    rate = rates.get(spec.type, 0.02)
    w, gradient = np.array([2.0, -1.0]), np.empty(2)
    slots = optimizers.initial_slots(spec, 2, w.dtype)
    update: Callable[[Any], None] = PLAIN.updates[spec.type](
        spec, Memory(np, w.dtype), UpdateVectors(w, gradient, slots, 0)
    )
    for n in range(1, 1501):
        gradient[...] = curvature * w
        update(optimizers.coefficients(spec, n, rate * (1.0 - n / 1501)))
    assert np.abs(w).max() < 1e-2


@pytest.mark.parametrize("alpha", [0.5, 0.9, 0.99])
def test_a_centered_square_is_never_negative(alpha: float) -> None:
    """A gradient that never changes has no variance, in rounded numbers even less than none."""
    spec = RmspropSpec(centered=True, alpha=alpha)
    g = np.geomspace(1e-3, 1e3, 400).astype(np.float32)
    assert np.isfinite(move(spec, np.zeros(400, np.float32), [g] * 200)).all()


def test_slots_start_at_zero_in_the_precision_of_the_run() -> None:
    for spec in (*SPECS, LbfgsSpec(history=4)):
        slots = optimizers.initial_slots(spec, 6, np.dtype(np.float32))
        assert tuple(slots) == optimizers.slot_names(spec)
        assert not any(slot.any() for slot in slots.values())
        assert {s.dtype for n, s in slots.items() if n != "objective"} <= {np.dtype(np.float32)}
