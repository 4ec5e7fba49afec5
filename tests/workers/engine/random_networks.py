"""Random networks of every kind of layer, for tests of what holds for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from workers.engine.network import Category, Network
from workers.engine.spec import (
    ACTIVATIONS,
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

if TYPE_CHECKING:
    from workers.engine.spec import Layer
    from workers.engine.tensors import Array

# An exponential of an exponential is beyond any number; its gradient has tests of its own.
_HIDDEN = sorted(set(ACTIVATIONS) - {"exponential"})
_OUTPUT = sorted(set(ACTIVATIONS) - {"exponential", "prelu"})
_WITHOUT_WIDTH = st.one_of(
    st.builds(ActivationSpec, activation=st.sampled_from(_HIDDEN)),
    st.builds(DropoutSpec, rate=st.sampled_from([0.0, 0.2, 0.5])),
    st.builds(BatchNormSpec),
    st.builds(LayerNormSpec),
    st.builds(ScaleSpec, factor=st.sampled_from([0.5, 1.0, 4.0])),
)

_WAVES = st.builds(
    NumericEmbeddingSpec,
    frequencies=st.integers(1, 5),
    dimension=st.integers(2, 4),
    sigma=st.sampled_from([0.1, 0.5]),
)


@st.composite
def networks(draw: st.DrawFn, most_units: int = 6) -> Network:
    """Up to five layers, a residual connection where widths agree, skip, embeddings, members."""
    dense = st.builds(
        DenseSpec,
        units=st.integers(1, most_units),
        activation=st.sampled_from(_HIDDEN),
        bias=st.booleans(),
    )
    n_inputs = draw(st.integers(1, most_units))
    categories, embeddings = _embeddings(draw, n_inputs)
    layers: list[Layer] = draw(st.lists(st.one_of(dense, dense, _WITHOUT_WIDTH), max_size=4))
    waves = draw(st.none() | _WAVES)
    n_waves = 0 if waves is None else n_inputs * (waves.dimension - 1)
    widths = [n_inputs + sum(e.dimension for e in embeddings) + n_waves]
    for layer in layers:
        widths.append(layer.units if isinstance(layer, DenseSpec) else widths[-1])
    # The layer norm of one column is a constant; a batch norm behind it blows its rounding up.
    pairs = zip(layers, widths, strict=False)
    assume(not any(isinstance(layer, LayerNormSpec) and width == 1 for layer, width in pairs))
    spans = [span for span in range(1, len(layers) + 1) if widths[len(layers) - span] == widths[-1]]
    if spans and draw(st.sampled_from([True, False])):
        layers.append(ResidualSpec(span=draw(st.sampled_from(spans))))
        layers.append(draw(dense))
    spec = NetworkSpec(
        layers=tuple(layers),
        skip=draw(st.booleans()),
        embeddings=embeddings,
        numeric_embeddings=waves,
        members=draw(st.sampled_from([1, 1, 2, 3])),
    )
    output: Any = draw(st.sampled_from(_OUTPUT))
    return Network(
        spec,
        n_inputs=n_inputs + len(embeddings),
        n_outputs=draw(st.integers(1, 4)),
        output_activation=output,
        categories=categories,
    )


def random_parameters(network: Network, rng: np.random.Generator) -> Array:
    """Away from their initial values, running variances positive; float64."""
    parameters = network.initial_parameters(int(rng.integers(1000)), np.float64)
    parameters += rng.normal(0.0, 0.2, parameters.shape)
    for name, tensor in network.layout.views(parameters).items():
        if name.endswith(".variance"):
            tensor[...] = rng.uniform(0.3, 3.0, tensor.shape)
    return parameters


def random_inputs(
    network: Network, rng: np.random.Generator, n_rows: int, spread: float = 2.0
) -> Array:
    """Rows (N, I) in float64, with codes where the network has embeddings."""
    X = rng.normal(0.0, spread, (n_rows, network.n_inputs))
    if network.embeddings is not None:
        for table in network.embeddings.tables:
            X[:, table.category.index] = rng.integers(0, table.category.levels, n_rows)
    return X


def _embeddings(
    draw: st.DrawFn, n_inputs: int
) -> tuple[dict[str, Category], tuple[EmbeddingSpec, ...]]:
    """Up to two categorical columns, anywhere among the inputs."""
    count = draw(st.integers(0, 2))
    places = draw(st.permutations(range(n_inputs + count)))[:count]
    categories = {f"column {place}": Category(place, draw(st.integers(1, 5))) for place in places}
    specs = tuple(
        EmbeddingSpec(column=column, dimension=draw(st.integers(1, 3))) for column in categories
    )
    return categories, specs
