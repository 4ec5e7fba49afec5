"""Waves of numbers against their formula, written out column by column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.workers.engine import problems
from tests.workers.engine.layers.at_work import LINEAR, AtWork
from workers.engine.network import Category, Network
from workers.engine.spec import (
    DenseSpec,
    EmbeddingSpec,
    MseSpec,
    NetworkSpec,
    NumericEmbeddingSpec,
)
from workers.engine.steps import chunk_plan

WAVES = NumericEmbeddingSpec(frequencies=5, dimension=3, sigma=0.7)


def network(n_inputs: int = 4, numbers: tuple[int, ...] | None = (3, 0), **fields: Any) -> Network:
    """Columns: number, level, indicator, number."""
    return Network(
        NetworkSpec(
            output=LINEAR,
            embeddings=(EmbeddingSpec(column="level", dimension=2),),
            numeric_embeddings=WAVES,
            **fields,
        ),
        n_inputs=n_inputs,
        n_outputs=1,
        output_activation="identity",
        categories={"level": Category(1, 3)},
        numbers=numbers,
    )


def test_numbers_stay_and_their_waves_come_behind_all_other_columns() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(7, 4))
    X[:, 1] = rng.integers(0, 3, 7)
    found = network(layers=(DenseSpec(units=9, activation="identity", bias=False),))
    work = AtWork(found, X, learning=False, tensors={"layers.0.weight": np.eye(9)})
    work.forward()
    t = work.tensors
    columns = [X[:, [0, 2, 3]], t["embeddings.level.weight"][X[:, 1].astype(int)]]
    for place, column in enumerate((0, 3)):
        turns = np.outer(X[:, column], t["numeric_embeddings.frequency"][place])
        waves = np.cos(2.0 * np.pi * turns + t["numeric_embeddings.phase"][place])
        mixed = waves @ t["numeric_embeddings.weight"][place]
        columns.append(mixed + t["numeric_embeddings.bias"][place])
    np.testing.assert_allclose(work.results["layers.0"], np.hstack(columns), rtol=1e-12)


def test_without_places_every_column_without_codes_has_waves() -> None:
    names = network(numbers=None).layout.shapes
    assert names["numeric_embeddings.weight"] == (3, 5, 2)


def test_where_nothing_is_a_number_there_are_no_waves() -> None:
    found = network(n_inputs=2, numbers=())
    assert not any(name.startswith("numeric") for name in found.layout.names)


def test_they_start_as_in_the_paper() -> None:
    """N(0, sigma^2), U(-pi, pi), and U(-1 / sqrt(H), 1 / sqrt(H)) twice."""
    wide = Network(
        NetworkSpec(numeric_embeddings=NumericEmbeddingSpec()),
        n_inputs=400,
        n_outputs=1,
        output_activation="identity",
    )
    t = wide.layout.views(wide.initial_parameters(0, np.float64))
    assert t["numeric_embeddings.frequency"].std() == pytest.approx(0.1, rel=0.05)
    for name, bound in (("phase", np.pi), ("weight", 0.25), ("bias", 0.25)):
        tensor = t[f"numeric_embeddings.{name}"]
        assert np.abs(tensor).max() <= bound
        assert tensor.std() == pytest.approx(bound / np.sqrt(3.0), rel=0.05)


def test_only_their_weights_are_decayed_and_no_chunk_covers_them() -> None:
    found = network()
    decayed = [found.layout.names[place] for place in range(3)]
    assert "numeric_embeddings.weight" in decayed
    assert found.n_decayed == sum(
        int(np.prod(found.layout.shapes[name])) for name in found.layout.names if "weight" in name
    )
    assert not chunk_plan.covers(found, problems.classifier(loss=MseSpec()))
