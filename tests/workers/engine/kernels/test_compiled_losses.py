"""Compiled losses equal the reference in float64: value and gradient, with weights and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from workers.engine.kernels.compiled import COMPILED
from workers.engine.kernels.plain import PLAIN
from workers.engine.spec import BinaryCrossEntropySpec, MseSpec, SoftmaxCrossEntropySpec
from workers.engine.tensors import Array, Memory

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Kernels

GATES = {"float32": 1e-5, "float64": 1e-12}
SPECS: list[Any] = [
    MseSpec(),
    BinaryCrossEntropySpec(),
    BinaryCrossEntropySpec(label_smoothing=0.2),
    SoftmaxCrossEntropySpec(),
    SoftmaxCrossEntropySpec(label_smoothing=0.2),
]
ROWS, CLASSES = 37, 5


def targets(spec: Any, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    if isinstance(spec, SoftmaxCrossEntropySpec):
        return rng.integers(0, shape[-1], shape[:-1])
    return rng.integers(0, 2, shape).astype(np.float64)


def computed(
    kernels: Kernels, spec: Any, z: Array, t: Any, weights: Array | None
) -> tuple[Array, Array]:
    gradient, value = np.empty_like(z), np.empty(z.shape[:-2], z.dtype)
    t = t if t.dtype.kind == "i" else t.astype(z.dtype)
    w = None if weights is None else weights.astype(z.dtype)
    kernel = kernels.losses[spec.type](spec, Memory(np, z.dtype), z.shape)
    with np.errstate(all="ignore"):
        kernel(z.copy(), t, w, gradient, value)
    return value, gradient


@pytest.mark.parametrize("precision", sorted(GATES))
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_value_and_gradient_equal_the_reference(
    spec: Any, weighted: bool, scale: float, precision: str
) -> None:
    rng = np.random.default_rng(3)
    z = (scale * rng.normal(size=(ROWS, CLASSES))).astype(precision)
    t = targets(spec, z.shape, rng)
    weights = rng.uniform(0.0, 3.0, ROWS) if weighted else None
    value, gradient = computed(COMPILED, spec, z, t, weights)
    expected, slopes = computed(PLAIN, spec, z.astype(np.float64), t, weights)
    gate = GATES[precision]
    np.testing.assert_allclose(value, expected, rtol=gate)
    np.testing.assert_allclose(gradient, slopes, rtol=gate, atol=gate * np.abs(slopes).max())


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_batch_without_weight_has_no_loss(spec: Any) -> None:
    rng = np.random.default_rng(4)
    z = rng.normal(size=(ROWS, CLASSES))
    value, gradient = computed(COMPILED, spec, z, targets(spec, z.shape, rng), np.zeros(ROWS))
    assert value == 0.0
    assert not gradient.any()


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_score_that_is_not_a_number_shows_in_the_loss(spec: Any) -> None:
    rng = np.random.default_rng(5)
    z = rng.normal(size=(ROWS, CLASSES)).astype(np.float32)
    z[11, 2] = np.nan
    value, _ = computed(COMPILED, spec, z, targets(spec, z.shape, rng), None)
    assert np.isnan(value)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_stacked_member_gets_the_bits_that_it_gets_alone(spec: Any) -> None:
    rng = np.random.default_rng(6)
    z = rng.normal(size=(3, ROWS, CLASSES)).astype(np.float32)
    t, weights = targets(spec, z.shape, rng), rng.uniform(0.1, 2.0, (3, ROWS))
    values, gradients = computed(COMPILED, spec, z, t, weights)
    for member in range(3):
        value, gradient = computed(COMPILED, spec, z[member], t[member], weights[member])
        assert value.tobytes() == values[member].tobytes()
        assert gradient.tobytes() == gradients[member].tobytes()


@pytest.mark.parametrize("precision", sorted(GATES))
def test_the_small_loss_of_a_confident_binary_answer_keeps_its_digits(precision: str) -> None:
    z = np.array([[30.0], [-30.0]], precision)
    t = np.array([[1.0], [0.0]])
    value, _ = computed(COMPILED, BinaryCrossEntropySpec(), z, t, None)
    assert float(value) == pytest.approx(np.log1p(np.exp(-30.0)), rel=GATES[precision])
