"""Compiled optimiser steps equal the reference in float64 along a trajectory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workers.engine import optimizers
from workers.engine.kernels.compiled import COMPILED
from workers.engine.kernels.contract import Kernels, UpdateVectors
from workers.engine.kernels.plain import PLAIN
from workers.engine.spec import AdamSpec, AdamWSpec, SgdSpec
from workers.engine.tensors import Array, Memory

GATES = {"float32": 1e-5, "float64": 1e-12}
SPECS: list[Any] = [
    SgdSpec(),
    SgdSpec(momentum=0.9),
    SgdSpec(momentum=0.9, nesterov=True),
    AdamSpec(),
    AdamWSpec(weight_decay=0.5),
]
SIZE, DECAYED, STEPS = 101, 60, 50


def trajectory(kernels: Kernels, spec: Any, start: Array, gradients: Array) -> Array:
    """Where (..., SIZE) parameters are after STEPS steps."""
    w, dtype = start.copy(), start.dtype
    slots = {
        name: np.zeros(start.shape, dtype) for name in optimizers.initial_slots(spec, SIZE, dtype)
    }
    gradient = np.empty_like(start)
    vectors = UpdateVectors(w, gradient, slots, DECAYED)
    update = kernels.updates[spec.type](spec, Memory(np, dtype), vectors)
    with np.errstate(all="ignore"):
        for n in range(1, STEPS + 1):
            gradient[...] = gradients[n - 1]
            update(optimizers.coefficients(spec, n, spec.learning_rate))
    return w


def drawn(shape: tuple[int, ...]) -> tuple[Array, Array]:
    rng = np.random.default_rng(7)
    return rng.normal(size=shape), rng.normal(size=(STEPS, *shape))


@pytest.mark.parametrize("precision", sorted(GATES))
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_trajectory_equals_the_reference(spec: Any, precision: str) -> None:
    start, gradients = drawn((SIZE,))
    found = trajectory(COMPILED, spec, start.astype(precision), gradients)
    expected = trajectory(PLAIN, spec, start, gradients)
    np.testing.assert_allclose(found, expected, rtol=GATES[precision], atol=GATES[precision])


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_gradient_that_is_not_a_number_shows_in_its_parameter_alone(spec: Any) -> None:
    start, gradients = drawn((SIZE,))
    gradients[3, 17] = np.nan
    found = trajectory(COMPILED, spec, start.astype(np.float32), gradients)
    assert np.flatnonzero(np.isnan(found)).tolist() == [17]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_stacked_member_gets_the_bits_that_it_gets_alone(spec: Any) -> None:
    start, gradients = drawn((3, SIZE))
    stacked = trajectory(COMPILED, spec, start, gradients)
    for member in range(3):
        alone = trajectory(COMPILED, spec, start[member], gradients[:, member])
        assert alone.tobytes() == stacked[member].tobytes()
