"""The gradient of whole networks: every layer, activation and loss at least once with the others.

Activations are paired with every loss and output; layers with every activation and every loss.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from tests.parity import catalogue
from tests.parity.case import Case
from tests.parity.cases.functions import LOSSES, heads, label
from tests.parity.draws import Draws
from tests.parity.problems import Problem
from workers.engine.losses import OUTPUT_ACTIVATIONS
from workers.engine.spec import (
    ActivationSpec,
    BatchNormSpec,
    DenseSpec,
    DropoutSpec,
    EmbeddingSpec,
    Layer,
    LayerNormSpec,
    NetworkSpec,
    NumericEmbeddingSpec,
    OutputSpec,
    ResidualSpec,
    ScaleSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

EMBEDDINGS = (EmbeddingSpec(column="a", dimension=2), EmbeddingSpec(column="b", dimension=3))


def networks(activation: Any) -> dict[str, NetworkSpec]:
    """One network for each kind of layer and of path, with this activation in it.

    No bias stands right before a norm: its gradient would be nothing but rounding, which Adam
    would make steps of.
    """
    dense, narrow = (DenseSpec(units=units, activation=activation) for units in (5, 4))
    linear = DenseSpec(units=5, activation="identity", bias=False)
    own = ActivationSpec(activation=activation)
    layers: dict[str, tuple[Layer, ...]] = {
        "no hidden layer": (),
        "dense": (dense, narrow),
        "no bias": (replace(dense, bias=False), replace(narrow, bias=False)),
        "activation": (linear, own, narrow),
        "dropout": (dense, DropoutSpec(), narrow, DropoutSpec(rate=0.2)),
        "dropout of the inputs": (DropoutSpec(rate=0.3), dense),
        "batch_norm": (linear, BatchNormSpec(), own, narrow, BatchNormSpec()),
        "batch_norm of the inputs": (BatchNormSpec(), dense),
        "layer_norm": (linear, LayerNormSpec(), own, narrow, LayerNormSpec()),
        "layer_norm of the inputs": (LayerNormSpec(), dense),
        "scale": (dense, ScaleSpec(factor=3.0), narrow),
        "scale of the inputs": (ScaleSpec(factor=20.0), dense),
        "residual": (dense, dense, ResidualSpec(), dense, ResidualSpec(span=3)),
        "residual of a residual": (dense, dense, ResidualSpec(), ResidualSpec(span=2), own),
    }
    found = {name: NetworkSpec(layers=stack) for name, stack in layers.items()}
    found["skip"] = NetworkSpec(layers=(dense, narrow), skip=True)
    found["skip alone"] = NetworkSpec(skip=True)
    found["embeddings"] = NetworkSpec(layers=(dense,), embeddings=EMBEDDINGS)
    found["embeddings and skip"] = NetworkSpec(layers=(dense,), embeddings=EMBEDDINGS, skip=True)
    found["members"] = NetworkSpec(layers=(dense, DropoutSpec(rate=0.2), narrow), members=3)
    found["members, no bias"] = NetworkSpec(
        layers=layers["no bias"], output=OutputSpec(bias=False), members=2
    )
    found["members, no hidden layer"] = NetworkSpec(members=4)
    found["members, norms and residual"] = NetworkSpec(
        layers=(linear, BatchNormSpec(), own, dense, LayerNormSpec(), ResidualSpec()), members=2
    )
    found["members, embeddings and skip"] = NetworkSpec(
        layers=(dense,), embeddings=EMBEDDINGS, skip=True, members=3
    )
    found["members, scale"] = NetworkSpec(
        layers=(ScaleSpec(factor=2.0), dense, ScaleSpec()), members=2
    )
    waves = NumericEmbeddingSpec(frequencies=5, dimension=3)
    found["waves"] = NetworkSpec(layers=(dense,), numeric_embeddings=waves)
    found["waves, members, embeddings and skip"] = NetworkSpec(
        layers=(dense,), embeddings=EMBEDDINGS, numeric_embeddings=waves, skip=True, members=2
    )
    found["no bias at the output"] = NetworkSpec(layers=(dense,), output=OutputSpec(bias=False))
    return found


def cases(seed: int) -> Iterator[Case]:
    """All gradients; those of every layer are stored."""
    pairs = product(catalogue.ACTIVATIONS, heads())
    for number, (activation, (loss, output)) in enumerate(pairs):
        name = f"gradient {activation}, {label(loss)}, {output}"
        problem = Problem(networks(activation)["dense"], loss, output, weighted=number % 2 == 0)
        yield _case(seed, name, problem, stored=False)
    for activation in catalogue.ACTIVATIONS:
        for kind, network in networks(activation).items():
            name = f"gradient {kind}, {activation}"
            yield _case(seed, name, Problem(network), stored=activation == "tanh")
    for loss in LOSSES:
        output = OUTPUT_ACTIVATIONS[loss.type][-1]
        for kind, network in networks("tanh").items():
            name = f"gradient {kind}, {label(loss)}"
            yield _case(seed, name, Problem(network, loss, output, weighted=True), stored=False)


def _case(seed: int, name: str, problem: Problem, *, stored: bool) -> Case:
    draws = Draws(seed, name)
    if seed > 0:
        problem = problem.with_widths(draws)
    options = problem.options() | {"seed": 2**40 + seed}
    return Case(name, "gradient", options, problem.inputs(draws), stored)
