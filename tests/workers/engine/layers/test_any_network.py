"""What holds for every network: its gradients are slopes, a stack of it is its members."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.engine.random_networks import networks, random_inputs, random_parameters
from workers.engine.kernels.plain import PLAIN
from workers.engine.network import Category, Network
from workers.engine.spec import (
    ActivationSpec,
    BatchNormSpec,
    DenseSpec,
    DropoutSpec,
    EmbeddingSpec,
    LayerNormSpec,
    NetworkSpec,
    NumericEmbeddingSpec,
    ResidualSpec,
    ScaleSpec,
)
from workers.engine.tensors import BatchRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.backend import DType
    from workers.engine.kernels.contract import ActivationKernel, Kernels
    from workers.engine.tensors import Array, Memory, Shape

RELATIVE, ABSOLUTE = 1e-4, 1e-7
KINK = 1e-4
DTYPES: list[DType] = [np.dtype(np.float32), np.dtype(np.float64)]
EVERYTHING = NetworkSpec(
    layers=(
        ScaleSpec(factor=5.0),
        DenseSpec(units=6, activation="prelu"),
        BatchNormSpec(),
        ActivationSpec(activation="gelu"),
        DropoutSpec(rate=0.25),
        DenseSpec(units=6, activation="mish"),
        ResidualSpec(span=2),
        LayerNormSpec(),
        ActivationSpec(activation="softmax"),
        DenseSpec(units=5, activation="selu"),
    ),
    skip=True,
    embeddings=(EmbeddingSpec(column="colour", dimension=3),),
    numeric_embeddings=NumericEmbeddingSpec(frequencies=4, dimension=3),
)


def every_layer(members: int = 1) -> Network:
    return Network(
        replace(EVERYTHING, members=members),
        n_inputs=4,
        n_outputs=3,
        output_activation="identity",
        categories={"colour": Category(1, 6)},
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(network=networks(), n_rows=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
def test_every_gradient_is_the_slope_of_what_the_network_says(
    network: Network, n_rows: int, seed: int
) -> None:
    """Of a random weighting of the scores, by central differences with h = 1e-6 max(1, |w|).

    Points within 1e-4 of a kink are moved away from: no slope exists there.
    """
    rng = np.random.default_rng(seed)
    kernels, nearest = _watching_kinks()
    batch = int(rng.integers(1, 1000))
    for _ in range(100):
        parameters = random_parameters(network, rng)
        X = random_inputs(network, rng, n_rows)
        weights = rng.normal(size=(network.members * n_rows, 1))
        gradient = np.full(network.n_trainable, np.nan)
        bound = network.on_batch(BatchRows(n_rows, n_rows), parameters, gradient, kernels)
        nearest.clear()
        bound.forward(X, batch)
        if min(nearest, default=1.0) > KINK:
            break
    bound.d_logits[...] = weights
    bound.backward()
    found = gradient.copy()

    def value() -> float:
        return float((bound.forward(X, batch) * weights).sum())

    for index in range(network.n_trainable):
        slope = _central_difference(value, parameters, index)
        gap = abs(found[index] - slope)
        assert gap <= max(RELATIVE * abs(slope), ABSOLUTE), (
            f"parameter {index}: backpropagation {found[index]!r}, difference {slope!r}"
        )


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(network=networks(), n_rows=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
def test_a_stacked_member_gets_the_bits_that_it_gets_alone(
    dtype: DType, network: Network, n_rows: int, seed: int
) -> None:
    """Scores, gradients and running statistics, each member with its own rows and masks."""
    rng = np.random.default_rng(seed)
    _assert_stack_equals_members(network, dtype, n_rows, rng)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_rows", [1, 2, 31, 128])
@pytest.mark.parametrize("members", [1, 3])
def test_stacks_of_every_layer_at_once(dtype: DType, n_rows: int, members: int) -> None:
    rng = np.random.default_rng(n_rows)
    _assert_stack_equals_members(every_layer(members), dtype, n_rows, rng)


@pytest.mark.parametrize("sharing", [1, 2])
@pytest.mark.parametrize("members", [(), (4,)])
def test_nothing_is_allocated_per_step(members: Shape, sharing: int) -> None:
    """But for the buffer of 8192 numbers that a NumPy function takes where it broadcasts."""
    n_rows, network, rng = 8192, every_layer(sharing), np.random.default_rng(0)
    lead = [random_parameters(network, rng) for _ in range(*members or (1,))]
    parameters = np.stack(lead) if members else lead[0]
    gradient = np.empty((*members, network.n_trainable))
    seeds = tuple(range(len(lead)))
    bound = network.on_batch(BatchRows(n_rows, n_rows), parameters, gradient, PLAIN, seeds)
    X = (
        np.stack([random_inputs(network, rng, n_rows) for _ in lead])
        if members
        else (random_inputs(network, rng, n_rows))
    )

    def step() -> None:
        bound.d_logits[...] = bound.forward(X, 1)
        bound.backward()

    step()
    tracemalloc.start()
    step()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    for _ in range(3):
        step()
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    smallest_batch = n_rows * 3 * parameters.itemsize
    assert after - before < smallest_batch
    assert peak - before < smallest_batch


def test_the_results_of_every_layer_are_at_hand() -> None:
    network, rng = every_layer(), np.random.default_rng(0)
    bound = network.on_batch(BatchRows(5, 5), random_parameters(network, rng), None, PLAIN)
    assert bound.results() == []
    logits = bound.forward(random_inputs(network, rng, 5))
    results = bound.results()
    assert [name for name, _ in results] == [layer.name for layer in network.layers]
    assert [a.shape[1] for _, a in results] == [layer.n_outputs for layer in network.layers]
    assert results[-1][1] is logits


def _assert_stack_equals_members(
    network: Network, dtype: DType, n_rows: int, rng: np.random.Generator
) -> None:
    seeds = (3, 2**40, 8)
    rows = BatchRows(n_rows, n_rows)
    before = np.stack([random_parameters(network, rng) for _ in seeds]).astype(dtype)
    X = np.stack([random_inputs(network, rng, n_rows) for _ in seeds]).astype(dtype)
    shape = (len(seeds), network.members * n_rows, network.n_outputs)
    d_logits = rng.normal(size=shape).astype(dtype)

    def run(parameters: Array, member: Any, own: tuple[int, ...]) -> tuple[Array, Array]:
        gradient = np.full((*parameters.shape[:-1], network.n_trainable), np.nan, dtype)
        bound = network.on_batch(rows, parameters, gradient, PLAIN, own)
        scores = bound.forward(X[member], 7).copy()
        bound.d_logits[...] = d_logits[member]
        bound.backward()
        return scores, gradient

    stacked = before.copy()
    scores, gradients = run(stacked, slice(None), seeds)
    for member, seed in enumerate(seeds):
        alone = before[member].copy()
        own_scores, gradient = run(alone, member, (seed,))
        assert own_scores.tobytes() == scores[member].tobytes()
        assert gradient.tobytes() == gradients[member].tobytes()
        assert alone.tobytes() == stacked[member].tobytes()


def _central_difference(value: Callable[[], float], parameters: Array, index: int) -> float:
    """`value` reads `parameters` as they are at that moment."""
    w = float(parameters[index])
    h = 1e-6 * max(1.0, abs(w))
    parameters[index] = w + h
    above = value()
    parameters[index] = w - h
    below = value()
    parameters[index] = w
    return (above - below) / (2.0 * h)


def _watching_kinks() -> tuple[Kernels, list[float]]:
    """The plain kernels, and how far from 0 the inputs of those with a kink there have come."""
    nearest: list[float] = []

    class Watched:
        def __init__(self, kernel: ActivationKernel) -> None:
            self._kernel = kernel
            self.backward = kernel.backward

        def forward(self, z: Array) -> None:
            nearest.append(float(np.abs(z).min()))
            self._kernel.forward(z)

    def watched(name: str) -> Callable[[Memory, Shape, bool], ActivationKernel]:
        return lambda *given: Watched(PLAIN.activations[name](*given))

    bent = {name: watched(name) for name in ("relu", "leaky_relu", "selu")}
    kernels = replace(
        PLAIN,
        activations={**PLAIN.activations, **bent},
        prelu=lambda *given: Watched(PLAIN.prelu(*given)),
    )
    return kernels, nearest
