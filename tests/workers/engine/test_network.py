"""The network: its description, its names, its initial weights."""

from __future__ import annotations

import numpy as np
import pytest

from tests.workers.engine import problems
from workers.engine.network import (
    Category,
    EmbeddingError,
    LayerError,
    LayerSummary,
    Network,
    Regularized,
)
from workers.engine.spec import (
    ActivationSpec,
    BatchNormSpec,
    DenseSpec,
    DropoutSpec,
    EmbeddingSpec,
    Layer,
    LayerNormSpec,
    NetworkSpec,
    OutputSpec,
    ResidualSpec,
    ScaleSpec,
)

EVERY_KIND = Network(
    NetworkSpec(
        layers=(
            DenseSpec(units=5, activation="prelu"),
            DropoutSpec(),
            BatchNormSpec(),
            DenseSpec(units=5, activation="identity", bias=False),
            ResidualSpec(span=2),
            LayerNormSpec(),
            ActivationSpec(activation="prelu"),
            ScaleSpec(factor=4.0),
        ),
        skip=True,
        embeddings=(EmbeddingSpec(column="colour", dimension=2),),
    ),
    n_inputs=4,
    n_outputs=3,
    output_activation="identity",
    categories={"colour": Category(index=1, levels=7)},
)
"""The first layer sees three numbers and a vector of two."""


def test_the_summary_counts_every_parameter() -> None:
    network = problems.network((30, 64, 32, 2))
    assert network.summary() == (
        LayerSummary("layers.0", "dense", (64,), 30 * 64 + 64),
        LayerSummary("layers.1", "dense", (32,), 64 * 32 + 32),
        LayerSummary("layers.2", "dense", (2,), 32 * 2 + 2),
    )
    assert network.n_parameters == sum(line.parameters for line in network.summary())


def test_weights_come_first_then_what_is_trained_then_what_is_not() -> None:
    weights = {
        "embeddings.colour.weight": (7, 2),
        "layers.0.weight": (5, 5),
        "layers.1.weight": (5, 5),
        "layers.2.weight": (5, 3),
        "skip.weight": (5, 3),
    }
    others = {
        "layers.0.bias": (5,),
        "layers.0.slope": (5,),
        "norms.0.scale": (5,),
        "norms.0.shift": (5,),
        "norms.1.scale": (5,),
        "norms.1.shift": (5,),
        "activations.0.slope": (5,),
        "scales.0.scale": (5,),
        "layers.2.bias": (3,),
    }
    buffers = {"norms.0.mean": (5,), "norms.0.variance": (5,)}
    assert list(EVERY_KIND.layout.shapes.items()) == [
        *weights.items(),
        *others.items(),
        *buffers.items(),
    ]
    assert list(EVERY_KIND.trainable.shapes.items()) == [*weights.items(), *others.items()]
    assert EVERY_KIND.n_decayed == 14 + 25 + 25 + 15 + 15
    assert EVERY_KIND.n_trainable == EVERY_KIND.n_decayed + 8 * 5 + 3
    assert EVERY_KIND.n_parameters == EVERY_KIND.n_trainable + 2 * 5


def test_the_summary_names_every_part_from_the_inputs_to_the_outputs() -> None:
    lines = EVERY_KIND.summary()
    assert [(line.name, line.type, *line.output_shape) for line in lines] == [
        ("embeddings.colour", "embedding", 2),
        ("layers.0", "dense", 5),
        ("dropouts.0", "dropout", 5),
        ("norms.0", "batch_norm", 5),
        ("layers.1", "dense", 5),
        ("residuals.0", "residual", 5),
        ("norms.1", "layer_norm", 5),
        ("activations.0", "activation", 5),
        ("scales.0", "scale", 5),
        ("layers.2", "dense", 3),
        ("skip", "skip", 3),
    ]
    assert [line.parameters for line in lines] == [14, 35, 0, 20, 25, 0, 10, 5, 5, 18, 15]
    assert sum(line.parameters for line in lines) == EVERY_KIND.n_parameters


def test_every_kind_starts_as_its_paper_says() -> None:
    parameters = EVERY_KIND.initial_parameters(3, np.float64)
    tensors = EVERY_KIND.layout.views(parameters)
    for name, value in {
        "layers.0.bias": 0.0,
        "layers.0.slope": 0.25,
        "norms.0.scale": 1.0,
        "norms.0.shift": 0.0,
        "norms.0.mean": 0.0,
        "norms.0.variance": 1.0,
        "activations.0.slope": 0.25,
        "scales.0.scale": 0.25,
        "skip.weight": 0.0,
    }.items():
        assert (tensors[name] == value).all(), name
    table = tensors["embeddings.colour.weight"]
    assert not table[0].any()
    assert table[1:].all()


def test_a_layer_keeps_its_weights_whatever_stands_beside_it() -> None:
    """Layers without random numbers take no stream from those with."""
    plain = problems.network((3, 5, 2))
    layers: tuple[Layer, ...] = (
        BatchNormSpec(),
        DenseSpec(units=5),
        DropoutSpec(),
        LayerNormSpec(),
    )
    other = Network(
        NetworkSpec(layers=layers, skip=True),
        n_inputs=3,
        n_outputs=2,
        output_activation="identity",
    )
    before, after = (n.layout.views(n.initial_parameters(5, np.float64)) for n in (plain, other))
    for name in ("layers.0.weight", "layers.1.weight"):
        np.testing.assert_array_equal(before[name], after[name])


@pytest.mark.parametrize(
    ("layers", "place", "reason"),
    [
        ((ResidualSpec(),), 0, "span of 1 goes back beyond"),
        ((DenseSpec(units=4), ResidualSpec(span=2)), 1, "span of 2 goes back beyond"),
        ((DenseSpec(units=4), ResidualSpec()), 1, "3 and 4 columns"),
        ((DenseSpec(units=3), DenseSpec(units=5), ResidualSpec(span=2)), 2, "3 and 5 columns"),
    ],
)
def test_a_residual_connection_without_its_like_is_refused(
    layers: tuple[Layer, ...], place: int, reason: str
) -> None:
    with pytest.raises(LayerError, match=reason) as caught:
        Network(NetworkSpec(layers=layers), n_inputs=3, n_outputs=1, output_activation="identity")
    assert caught.value.layer == place


@pytest.mark.parametrize(
    ("columns", "categories", "place", "reason"),
    [
        (("a",), {}, 0, "not among the categories"),
        (("a", "b"), {"a": Category(0, 3)}, 1, "not among the categories"),
        (("a", "a"), {"a": Category(0, 3)}, 1, "another one before"),
        (("a", "b"), {"a": Category(0, 3), "b": Category(0, 4)}, 1, "another one before"),
        (("a",), {"a": Category(2, 3)}, 0, "not among 2 inputs"),
        (("a",), {"a": Category(0, 0)}, 0, "not among 2 inputs"),
    ],
)
def test_an_embedding_without_its_column_is_refused(
    columns: tuple[str, ...], categories: dict[str, Category], place: int, reason: str
) -> None:
    embeddings = tuple(EmbeddingSpec(column=column, dimension=2) for column in columns)
    with pytest.raises(EmbeddingError, match=reason) as caught:
        Network(
            NetworkSpec(embeddings=embeddings),
            n_inputs=2,
            n_outputs=1,
            output_activation="identity",
            categories=categories,
        )
    assert caught.value.embedding == place


def test_penalties_and_bounds_are_named_by_tensor() -> None:
    spec = NetworkSpec(
        layers=(
            DenseSpec(units=2, l1=0.5),
            DropoutSpec(),
            DenseSpec(units=2),
            DenseSpec(units=2, max_norm=3.0),
        ),
        output=OutputSpec(l2=0.25, max_norm=1.0),
    )
    network = Network(spec, n_inputs=1, n_outputs=1, output_activation="identity")
    assert network.regularized == (
        Regularized("layers.0.weight", 0.5, 0.0, None),
        Regularized("layers.2.weight", 0.0, 0.0, 3.0),
        Regularized("layers.3.weight", 0.0, 0.25, 1.0),
    )


def test_the_output_layer_is_as_its_specification_says() -> None:
    output = OutputSpec(initializer="constant", initial_value=0.5, bias=False)
    network = Network(
        NetworkSpec(output=output), n_inputs=2, n_outputs=3, output_activation="identity"
    )
    assert network.initial_parameters(0, np.float64).tolist() == [0.5] * 6


def test_no_layers_at_all_is_one_linear_map() -> None:
    network = problems.network((3, 1))
    assert network.layout.shapes == {"layers.0.weight": (3, 1), "layers.0.bias": (1,)}


def test_one_seed_starts_both_precisions_at_the_same_point() -> None:
    network = problems.network((4, 8, 3))
    double = network.initial_parameters(1, np.float64)
    np.testing.assert_array_equal(
        network.initial_parameters(1, np.float32), double.astype(np.float32)
    )
    assert not np.array_equal(network.initial_parameters(2, np.float64), double)


def test_networks_of_the_same_layers_are_equal() -> None:
    assert problems.network((4, 8, 3)) == problems.network((4, 8, 3))
    assert problems.network((4, 8, 3)) != problems.network((4, 8, 3), output="softmax")
    assert len({problems.network((4, 8, 3)), problems.network((4, 8, 3))}) == 1


def test_networks_of_other_levels_are_not_equal() -> None:
    def with_levels(levels: int) -> Network:
        return Network(
            NetworkSpec(embeddings=(EmbeddingSpec(column="a", dimension=2),)),
            n_inputs=1,
            n_outputs=1,
            output_activation="identity",
            categories={"a": Category(0, levels)},
        )

    assert with_levels(3) == with_levels(3)
    assert with_levels(3) != with_levels(4)
