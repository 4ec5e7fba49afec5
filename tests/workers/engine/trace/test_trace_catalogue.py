"""A step can be taken apart whatever it is made of, and both of its calculations agree."""

from __future__ import annotations

import json
import math
from typing import Any, get_args

import pytest

from tests.workers.engine.trace.steps import N_ROWS, problem, traced
from workers.engine.losses import OUTPUT_ACTIVATIONS
from workers.engine.spec import (
    ACTIVATIONS,
    ActivationSpec,
    BatchNormSpec,
    DenseSpec,
    DropoutSpec,
    EmbeddingSpec,
    FocalSpec,
    HuberSpec,
    Layer,
    LayerNormSpec,
    LbfgsSpec,
    Loss,
    NumericEmbeddingSpec,
    Optimizer,
    OutputSpec,
    ResidualSpec,
    RmspropSpec,
    ScaleSpec,
    SgdSpec,
)

ROUNDING = 1e-12
LAYERS: dict[str, tuple[Layer, ...]] = {
    "dense": (DenseSpec(units=4, activation="tanh"),),
    "activation": (DenseSpec(units=4), ActivationSpec(activation="gelu")),
    "dropout": (DenseSpec(units=8, activation="tanh"), DropoutSpec(rate=0.4)),
    "batch_norm": (DenseSpec(units=4, activation="identity"), BatchNormSpec()),
    "layer_norm": (DenseSpec(units=4, activation="identity"), LayerNormSpec()),
    "residual": (
        DenseSpec(units=4, activation="tanh"),
        DenseSpec(units=4, activation="silu"),
        ResidualSpec(span=1),
    ),
    "scale": (ScaleSpec(factor=3.0), DenseSpec(units=4, activation="tanh")),
}


def _members(union: Any) -> tuple[Any, ...]:
    return get_args(get_args(union)[0])


def _check(found: dict[str, Any]) -> None:
    gradients, update = found["gradients"], found["update"]
    assert gradients["passed"], [t for t in gradients["tensors"] if not t["passed"]]
    assert gradients["checked"] == gradients["parameters"] > 0
    assert update["engine_minus_formula"] <= ROUNDING
    assert found["nonfinite"] == {}
    terms, weights = found["loss"]["terms"], found["loss"]["weights"] or [1.0] * N_ROWS
    mean = sum(t * w for t, w in zip(terms, weights, strict=True)) / sum(weights)
    assert found["loss"]["mean"] == pytest.approx(mean, rel=1e-12)
    json.dumps(found, allow_nan=False)


def test_there_is_a_case_for_every_layer() -> None:
    assert set(LAYERS) == {layer.type for layer in _members(Layer)}


@pytest.mark.parametrize("kind", LAYERS)
def test_every_layer_can_be_traced(kind: str) -> None:
    network: dict[str, Any] = {
        "skip": True,
        "embeddings": (EmbeddingSpec(column="kind", dimension=2),),
        "numeric_embeddings": NumericEmbeddingSpec(frequencies=2, dimension=2),
    }
    found = traced(problem(LAYERS[kind], HuberSpec(), network=network, weights=True))
    _check(found)
    assert [layer["type"] for layer in found["layers"]] == [
        *(s.type for s in LAYERS[kind]),
        "dense",
    ]
    named = {tensor["tensor"] for tensor in found["gradients"]["tensors"]}
    waves = {f"numeric_embeddings.{name}" for name in ("frequency", "phase", "weight", "bias")}
    assert {"skip.weight", "embeddings.kind.weight", "layers.0.weight"} | waves <= named


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_can_be_traced(activation: Any) -> None:
    layers = (
        DenseSpec(units=4, activation=activation, initializer="glorot_normal"),
        ActivationSpec(activation=activation),
    )
    found = traced(problem(layers))
    _check(found)
    assert found["layers"][0]["activation"]["name"] == activation


@pytest.mark.parametrize(
    ("loss", "output"),
    [(loss, output) for loss in _members(Loss) for output in OUTPUT_ACTIVATIONS[loss.type]],
    ids=lambda value: getattr(value, "type", value),
)
def test_every_loss_can_be_traced_with_every_output(loss: Any, output: Any) -> None:
    asked = problem((DenseSpec(units=3, activation="silu"),), loss(), output, weights=True)
    _check(traced(asked))


@pytest.mark.parametrize(
    "optimizer",
    [
        *(spec() for spec in _members(Optimizer)),
        SgdSpec(momentum=0.9),
        SgdSpec(momentum=0.9, nesterov=True),
        RmspropSpec(centered=True, momentum=0.5),
    ],
    ids=repr,
)
def test_every_optimizer_can_be_traced(optimizer: Any) -> None:
    layers = (DenseSpec(units=3, activation="silu", l1=0.01, l2=0.1),)
    found = traced(problem(layers, optimizer=optimizer))
    _check(found)
    worked = found["update"]["tensors"][0]["worked"]
    assert worked.startswith("layers.0.weight[0] = ")
    if optimizer.type != "lbfgs":
        assert found["update"]["numbers"]["lr"] == optimizer.learning_rate


def test_a_search_among_enormous_losses_is_traced_too() -> None:
    asked = problem((), optimizer=LbfgsSpec())
    asked.data.y[:] *= 1e160
    found = traced(asked)
    assert found["loss"]["mean"] is None
    assert found["nonfinite"]


def test_clipping_bounds_and_averages_are_part_of_a_step() -> None:
    layers = (DenseSpec(units=3, activation="silu", max_norm=0.5),)
    network = {"output": OutputSpec(activation="identity", max_norm=0.4)}
    asked = problem(layers, network=network, clip_norm=0.3, clip_value=0.2, ema_decay=0.9)
    found = traced(asked)
    _check(found)
    clipping = found["update"]["clipping"]
    assert clipping["factor"] == pytest.approx(0.3 / (clipping["norm"] + 1e-6))
    squares = [g**2 for tensor in found["update"]["tensors"] for g in tensor["gradient"]]
    assert sum(squares) ** 0.5 == pytest.approx(0.3, rel=1e-5)
    for tensor in found["update"]["tensors"]:
        for before, after, ema in zip(
            tensor["before"], tensor["after"], tensor["ema"], strict=True
        ):
            assert ema == pytest.approx(0.9 * before + 0.1 * after)
    weight = found["update"]["tensors"][0]
    columns = [weight["after"][unit::3] for unit in range(3)]
    assert max(sum(w**2 for w in column) for column in columns) <= 0.25 * (1 + 1e-9)


def test_a_focal_loss_is_that_of_its_output() -> None:
    found = traced(problem((), FocalSpec(gamma=0.0), "softmax"))
    z, target = found["output"]["a"][0], found["loss"]["targets"][0]
    assert len(z) == 3
    assert found["loss"]["terms"][0] == pytest.approx(-_log(z[int(target)]))


def _log(x: float) -> float:
    return math.log(x)
