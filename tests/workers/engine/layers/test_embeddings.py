"""Embeddings against the product with the one-hot matrix that they stand for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.workers.engine.layers.at_work import LINEAR, AtWork
from workers.engine.kernels.plain import PLAIN
from workers.engine.network import Category, Network
from workers.engine.spec import DenseSpec, EmbeddingSpec, NetworkSpec
from workers.engine.tensors import BatchRows

NETWORK = Network(
    NetworkSpec(
        layers=(DenseSpec(units=3, activation="tanh"),),
        output=LINEAR,
        skip=True,
        embeddings=(
            EmbeddingSpec(column="late", dimension=2),
            EmbeddingSpec(column="early", dimension=1),
        ),
    ),
    n_inputs=5,
    n_outputs=2,
    output_activation="identity",
    categories={"early": Category(1, 4), "late": Category(4, 6)},
)
"""Columns: number, early, number, number, late."""


def rows(n_rows: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 5))
    X[:, 1], X[:, 4] = rng.integers(0, 4, n_rows), rng.integers(0, 6, n_rows)
    return X


def one_hot(codes: Any, levels: int) -> Any:
    return np.eye(levels)[codes.astype(int)]


def test_the_layers_see_numbers_then_vectors_in_the_order_of_the_specification() -> None:
    X = rows(9)
    work = AtWork(NETWORK, X, learning=False)
    W, b = work.tensors["layers.0.weight"], work.tensors["layers.0.bias"]
    work.tensors["skip.weight"][...] = np.arange(12.0).reshape(6, 2)
    late, early = (work.tensors[f"embeddings.{name}.weight"] for name in ("late", "early"))
    seen = np.hstack([X[:, [0, 2, 3]], late[X[:, 4].astype(int)], early[X[:, 1].astype(int)]])
    expected = np.tanh(seen @ W + b) @ np.ones((3, 2)) + seen @ work.tensors["skip.weight"]
    np.testing.assert_allclose(work.forward(), expected, rtol=1e-12)


def test_a_level_learns_from_its_own_rows_alone() -> None:
    X = rows(40)
    X[:, 1] = np.where(X[:, 1] == 2, 0, X[:, 1])
    work = AtWork(NETWORK, X)
    work.tensors["skip.weight"][...] = np.arange(12.0).reshape(6, 2)
    d_scores = np.random.default_rng(1).normal(size=(40, 2))
    work.forward()
    hidden = work.results["layers.0"].copy()
    gradients = work.backward(d_scores)
    d_hidden = (d_scores @ np.ones((2, 3))) * (1.0 - hidden**2)
    d_seen = d_hidden @ work.tensors["layers.0.weight"].T
    d_seen += d_scores @ work.tensors["skip.weight"].T
    for name, column, levels, part in (("late", 4, 6, slice(3, 5)), ("early", 1, 4, slice(5, 6))):
        expected = one_hot(X[:, column], levels).T @ d_seen[:, part]
        found = gradients[f"embeddings.{name}.weight"]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    assert not gradients["embeddings.early.weight"][2].any()


@pytest.mark.parametrize("members", [(), (3,)])
def test_array_modules_that_add_in_random_order_sum_by_a_product(members: tuple[int, ...]) -> None:
    """Another module with NumPy's functions takes the way of a device; both agree."""

    class Device:
        def __getattr__(self, name: str) -> Any:
            return getattr(np, name)

    X = np.stack([rows(30, seed) for seed in range(*members or (1,))])
    if not members:
        X = X[0]
    found = []
    for kernels in (PLAIN, replace(PLAIN, xp=Device())):
        parameters = np.stack(
            [NETWORK.initial_parameters(seed, np.float64) for seed in range(*members or (1,))]
        ).reshape(*members, -1)
        gradient = np.full((*members, NETWORK.n_trainable), np.nan)
        bound = NETWORK.on_batch(BatchRows(30, 30), parameters, gradient, kernels)
        bound.d_logits[...] = np.cos(bound.forward(X))
        bound.backward()
        found.append(gradient)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("codes_first", [True, False])
def test_a_table_of_categories_alone_needs_no_numbers(codes_first: bool) -> None:
    network = Network(
        NetworkSpec(embeddings=(EmbeddingSpec(column="a", dimension=3),), output=LINEAR),
        n_inputs=1 if codes_first else 2,
        n_outputs=1,
        output_activation="identity",
        categories={"a": Category(0, 4)},
    )
    X = np.array([[3.0], [0.0], [1.0]]) if codes_first else np.array([[3.0, 9], [0, 9], [1, 9]])
    work = AtWork(network, X)
    table = work.tensors["embeddings.a.weight"]
    numbers = X[:, 1:].sum(axis=1)
    np.testing.assert_allclose(work.forward()[:, 0], table[[3, 0, 1]].sum(axis=1) + numbers)
