"""The GPU's kernels, on guard arrays, against the reference in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.workers.engine.guard.kernels import Transfers, guard_kernels
from workers.engine import optimizers, spec
from workers.engine.kernels.contract import UpdateVectors
from workers.engine.kernels.plain import PLAIN
from workers.engine.philox import Mask
from workers.engine.tensors import Memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

GUARD = guard_kernels(Transfers())
PRECISIONS = [("float32", 1e-5), ("float64", 1e-12)]
# Where exponentials are subnormal, where they overflow, and where functions bend.
SCORES = np.array(
    [*np.linspace(-6.0, 6.0, 25), 0.0, -0.0, 1e4, -1e4, 90.0, -90.0, 700.0, -700.0, 1e-7, -1e-7]
)

OPTIMIZERS: list[spec.Optimizer] = [
    spec.SgdSpec(),
    spec.SgdSpec(momentum=0.9),
    spec.SgdSpec(momentum=0.9, nesterov=True),
    spec.AdamSpec(),
    spec.AdamWSpec(weight_decay=0.1),
    spec.NadamSpec(),
    spec.RmspropSpec(),
    spec.RmspropSpec(momentum=0.5),
    spec.RmspropSpec(centered=True),
    spec.RmspropSpec(centered=True, momentum=0.5),
    spec.AdagradSpec(),
    spec.AdadeltaSpec(),
    spec.AdamaxSpec(),
]
LOSSES: list[tuple[str, spec.Loss]] = [
    ("mse", spec.MseSpec()),
    ("mae", spec.MaeSpec()),
    ("huber", spec.HuberSpec(delta=0.7)),
    ("quantile", spec.QuantileSpec(quantile=0.9)),
    ("poisson", spec.PoissonSpec()),
    ("binary_cross_entropy", spec.BinaryCrossEntropySpec()),
    ("binary_cross_entropy", spec.BinaryCrossEntropySpec(label_smoothing=0.1)),
    ("binary_focal", spec.FocalSpec()),
    ("softmax_cross_entropy", spec.SoftmaxCrossEntropySpec()),
    ("softmax_cross_entropy", spec.SoftmaxCrossEntropySpec(label_smoothing=0.1)),
    ("focal", spec.FocalSpec(gamma=1.5)),
]


def test_every_kernel_of_the_reference_is_there() -> None:
    assert GUARD.activations.keys() == PLAIN.activations.keys()
    assert GUARD.losses.keys() == PLAIN.losses.keys()
    assert GUARD.updates.keys() == PLAIN.updates.keys()
    assert {name for name, _ in LOSSES} == PLAIN.losses.keys()
    assert {form.type for form in OPTIMIZERS} == PLAIN.updates.keys()


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("learning", [False, True])
@pytest.mark.parametrize("name", sorted(PLAIN.activations))
def test_an_activation_agrees(name: str, learning: bool, precision: str, tolerance: float) -> None:
    dtype = np.dtype(precision)
    # The exponential alone is not finite far out, in any precision.
    scores = SCORES[np.abs(SCORES) < 80.0] if name == "exponential" else SCORES
    z = scores[: len(scores) // 3 * 3].reshape(-1, 3).astype(dtype)
    slopes = np.random.default_rng(1).normal(size=z.shape).astype(dtype)
    expected, expected_slopes = z.astype(np.float64), slopes.astype(np.float64)
    reference = PLAIN.activations[name](Memory(np, np.dtype(np.float64)), z.shape, learning)
    kernel = GUARD.activations[name](Memory(GUARD.xp, dtype), z.shape, learning)
    a, da = GUARD.to_device(z), GUARD.to_device(slopes)

    kernel.forward(a)
    with np.errstate(all="ignore"):
        reference.forward(expected)
    np.testing.assert_allclose(GUARD.to_host(a), expected, tolerance, tolerance)

    if learning:
        kernel.backward(a, da)
        with np.errstate(all="ignore"):
            reference.backward(expected, expected_slopes)
        np.testing.assert_allclose(GUARD.to_host(da), expected_slopes, tolerance, tolerance)


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("members", [(), (2,)])
def test_a_prelu_agrees(members: tuple[int, ...], precision: str, tolerance: float) -> None:
    random, dtype = np.random.default_rng(2), np.dtype(precision)
    z, da = (random.normal(size=(*members, 5, 3)).astype(dtype) for _ in range(2))
    slopes = np.array([0.25, -0.5, 0.0], dtype) + np.zeros((*members, 3), dtype)
    found = []
    for kernels, kind in ((GUARD, dtype), (PLAIN, np.dtype(np.float64))):
        arrays = [kernels.to_device(array.astype(kind)) for array in (z, da, slopes)]
        d_slopes = kernels.to_device(np.empty(slopes.shape, kind))
        kernel = kernels.prelu(Memory(kernels.xp, kind), z.shape, arrays[2], d_slopes)
        kernel.forward(arrays[0])
        kernel.backward(arrays[0], arrays[1])
        found.append([kernels.to_host(array) for array in (arrays[0], arrays[1], d_slopes)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, tolerance, tolerance)


@pytest.mark.parametrize("seeds", [(7,), (2**63 - 1,), (1, 2**40 + 3)])
def test_masks_are_those_of_the_reference_bit_for_bit(seeds: tuple[int, ...]) -> None:
    shape = (5, 7) if len(seeds) == 1 else (len(seeds), 5, 7)
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        assert GUARD.mask is not None
        ours = GUARD.mask(Memory(GUARD.xp, dtype), shape, seeds, 2, 0.3)
        theirs = Mask(Memory(np, dtype), shape, seeds, 2, 0.3)
        drawn, expected = GUARD.xp.empty(shape, dtype), np.empty(shape, dtype)
        for batch in (1, 2, 2**32 + 5):
            ours(batch, drawn)
            theirs(batch, expected)
            assert GUARD.to_host(drawn).tobytes() == expected.tobytes()


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("weighing", ["equal", "weights", "nothing"])
@pytest.mark.parametrize(("name", "form"), LOSSES, ids=lambda value: str(value)[:48])
def test_a_loss_agrees(
    name: str, form: spec.Loss, weighing: str, precision: str, tolerance: float
) -> None:
    dtype = np.dtype(precision)
    scores, targets, weights = _loss_inputs(name, weighing)
    found = []
    for kernels, kind in ((GUARD, dtype), (PLAIN, np.dtype(np.float64))):
        kernel = kernels.losses[name](form, Memory(kernels.xp, kind), scores.shape)
        gradient, value = (kernels.xp.empty(shape, kind) for shape in (scores.shape, (2,)))
        z, t, w = (_there(kernels, array, kind) for array in (scores, targets, weights))
        with np.errstate(all="ignore"):
            kernel(z, t, w, gradient, value)
        found.append([kernels.to_host(array) for array in (gradient, value)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, tolerance, tolerance)


def _loss_inputs(name: str, weighing: str) -> tuple[Any, Any, Any]:
    """Scores (2, 12, 3) of two members with targets and weights; some far out, some just equal."""
    random = np.random.default_rng(3)
    scores = random.normal(size=(2, 12, 3)).astype(np.float32).astype(np.float64)
    targets: NDArray[Any] = scores.copy()
    targets[:, 1:] += random.normal(size=(2, 11, 3)).astype(np.float32)
    if name.startswith("binary"):
        targets = (random.random((2, 12, 3)) < 0.5).astype(np.float64)
        scores[0, 0] = (900.0, -900.0, 0.0)
    elif name == "poisson":
        targets = random.integers(0, 5, (2, 12, 3)).astype(np.float64)
    elif name in ("focal", "softmax_cross_entropy"):
        targets = random.integers(0, 3, (2, 12))
        scores[0, 0] = (1e4, -1e4, 0.0)
    weights = {
        "equal": None,
        "weights": random.integers(0, 4, (2, 12)).astype(np.float64),
        "nothing": np.zeros((2, 12)),
    }[weighing]
    return scores, targets, weights


def _there(kernels: Any, array: Any, kind: np.dtype[Any]) -> Any:
    if array is None or array.dtype.kind == "i":
        return None if array is None else kernels.to_device(array)
    return kernels.to_device(array.astype(kind))


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("members", [(), (2,)])
@pytest.mark.parametrize("form", OPTIMIZERS, ids=lambda form: repr(form)[:60])
def test_an_optimiser_agrees_over_steps(
    form: spec.Optimizer, members: tuple[int, ...], precision: str, tolerance: float
) -> None:
    random, dtype = np.random.default_rng(4), np.dtype(precision)
    n_parameters, n_trainable, n_decayed, n_steps = 11, 9, 5, 6
    start = random.normal(size=(*members, n_parameters)).astype(dtype)
    gradients = random.normal(size=(n_steps, *members, n_trainable)).astype(dtype)
    rates = np.array([0.01, 0.02])[: len(members) + 1]
    found = []
    for kernels, kind in ((GUARD, dtype), (PLAIN, np.dtype(np.float64))):
        slots = {
            name: kernels.to_device(np.zeros((*members, n_trainable), kind))
            for name in optimizers.slot_names(form)
        }
        moved = kernels.to_device(start.astype(kind))
        gradient = kernels.to_device(np.empty((*members, n_trainable), kind))
        vectors = UpdateVectors(moved, gradient, slots, n_decayed)
        update = kernels.updates[form.type](form, Memory(kernels.xp, kind), vectors)
        for step in range(n_steps):
            kernels.xp.copyto(gradient, kernels.to_device(gradients[step].astype(kind)))
            numbers = optimizers.coefficients(form, np.full(rates.shape, step + 1), rates)
            update(tuple(n[:, None] if members else float(n[0]) for n in numbers))
        found.append([kernels.to_host(array) for array in (moved, *slots.values())])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, tolerance, tolerance)
