"""Compiled activations equal the reference in float64, at every size of their argument."""

from __future__ import annotations

import numpy as np
import pytest

from workers.engine.kernels.compiled import COMPILED
from workers.engine.kernels.plain import PLAIN
from workers.engine.kernels.program import ACTIVATION_CODES
from workers.engine.tensors import Array, Memory

GATES = {"float32": 1e-5, "float64": 1e-12}
NAMES = sorted(ACTIVATION_CODES)
Z = np.concatenate([np.linspace(-30.0, 30.0, 6001), np.linspace(-0.01, 0.01, 201)])
PAST_TINY = 1e-30
"""Below it a float32 may lose digits, as its smallest normal number is 1e-38."""


@pytest.fixture(params=sorted(GATES))
def precision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def both_ways(kernels: object, name: str, z: Array) -> tuple[Array, Array]:
    """f(z), and f'(z) as what is left of an error of 1."""
    memory = Memory(np, z.dtype)
    kernel = kernels.activations[name](memory, z.shape, True)  # type: ignore[attr-defined]
    a, da = z.copy(), np.ones_like(z)
    kernel.forward(a)
    kernel.backward(a, da)
    return a, da


@pytest.mark.parametrize("name", NAMES)
def test_values_and_slopes_equal_the_reference(name: str, precision: str) -> None:
    """Relative to the value; a slope also to 1, as it is a difference where a function is flat."""
    z = Z.reshape(-1, 2).astype(precision)
    with np.errstate(all="ignore"):
        expected, slopes = both_ways(PLAIN, name, z.astype(np.float64))
    found, found_slopes = both_ways(COMPILED, name, z)
    gate = GATES[precision]
    np.testing.assert_allclose(found, expected, rtol=gate, atol=PAST_TINY)
    np.testing.assert_allclose(found_slopes, slopes, rtol=gate, atol=gate)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_a_number_stays_so_and_infinities_go_to_the_limits(
    name: str, precision: str
) -> None:
    z = np.array([[np.nan, 1e30, -1e30]], precision)
    found, _ = both_ways(COMPILED, name, z)
    with np.errstate(all="ignore"):
        expected, _ = both_ways(PLAIN, name, z.astype(np.float64))
    np.testing.assert_allclose(found, expected, rtol=GATES[precision])
    assert np.isnan(found[0, 0])


@pytest.mark.parametrize("name", NAMES)
def test_a_stacked_member_gets_the_bits_that_it_gets_alone(name: str, precision: str) -> None:
    stack = np.random.default_rng(0).normal(size=(3, 7, 5)).astype(precision)
    values, slopes = both_ways(COMPILED, name, stack)
    for member, z in enumerate(stack):
        value, slope = both_ways(COMPILED, name, z)
        assert value.tobytes() == values[member].tobytes()
        assert slope.tobytes() == slopes[member].tobytes()


def test_a_view_with_gaps_is_refused() -> None:
    kernel = COMPILED.activations["tanh"](Memory(np, np.dtype(np.float32)), (4, 2), True)
    with pytest.raises(ValueError, match="contiguous"):
        kernel.forward(np.zeros((4, 4), np.float32)[:, ::2])
