from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.workers.modelling.tables import Ingested, Trained, csv_of, ingested, trained
from workers.engine.spec import AdamSpec, DenseSpec, LayerNormSpec, NetworkSpec, SgdSpec
from workers.engine.training import Divergence
from workers.modelling.divergence_advice import suggest
from workers.modelling.estimator import Prepared, prepare
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve

SMALL = ingested(csv_of("x,y", ((i / 10, i / 5 + 1) for i in range(60))))
LARGE = ingested(csv_of("x,y", ((i * 1e3, i / 5 + 1) for i in range(60))))
FAST, USUAL = SgdSpec(learning_rate=10.0), SgdSpec()


def wish(preprocessing: Any = "standard", **training: Any) -> ModelWish:
    return ModelWish(
        target="y",
        features=("x",),
        network=NetworkSpec(),
        preprocessing=preprocessing,
        training={"epochs": 60, **training},
    )


def run(data: Ingested, wish: ModelWish) -> Trained:
    end = trained(data, wish)
    assert end.state.stop_reason == "diverged"
    return end


def prepared(wish: ModelWish) -> Prepared:
    return prepare(SMALL.table, resolve(wish, SMALL.profile))


AT = Divergence(epoch=2, step=7, tensor="layers.0.weight", norm=3.0)
OVERFLOWING = Divergence(epoch=2, step=7, tensor="loss", norm=1e25)


def test_large_numbers_without_preprocessing_are_to_be_scaled() -> None:
    end = run(LARGE, wish("none", optimizer=USUAL))
    assert end.state.divergence is not None
    found = suggest(end.prepared, end.state.divergence)
    assert (found.code, found.pointer, found.value) == ("scaling", "/preprocessing", "standard")
    assert "5.9e+04" in found.detail


@pytest.mark.parametrize("preprocessing", ["none", "standard"])
def test_long_steps_are_to_be_shorter(preprocessing: str) -> None:
    end = run(SMALL, wish(preprocessing, optimizer=FAST))
    assert end.state.divergence is not None
    found = suggest(end.prepared, end.state.divergence)
    assert (found.code, found.value) == ("learning_rate", 1.0)
    assert found.pointer == "/training/optimizer/learning_rate"
    assert "learning rate of 1 " in found.detail


def test_what_was_suggested_helps() -> None:
    diverged = run(LARGE, wish("none", optimizer=USUAL))
    assert diverged.state.divergence is not None
    suggestion = suggest(diverged.prepared, diverged.state.divergence)
    assert suggestion.value == "standard"
    assert trained(LARGE, wish("standard", optimizer=USUAL)).state.stop_reason == "max_epochs"


def test_what_overflows_before_any_step_is_no_matter_of_steps() -> None:
    explosive = DenseSpec(units=8, activation="exponential")
    deep = replace(wish(optimizer=FAST), network=NetworkSpec(layers=(explosive,) * 6))
    end = run(SMALL, deep)
    assert end.state.divergence is not None
    assert end.state.divergence.step == 1
    found = suggest(end.prepared, end.state.divergence)
    assert (found.code, found.pointer) == ("normalisation", "/network/layers")
    assert found.value == "layer_norm"
    calm = NetworkSpec(layers=(explosive, LayerNormSpec()) * 6)
    helped = replace(wish(optimizer=USUAL), network=calm)
    assert trained(SMALL, helped).state.stop_reason == "max_epochs"


def test_unbounded_gradients_are_to_be_clipped() -> None:
    found = suggest(prepared(wish(optimizer=AdamSpec())), AT)
    assert (found.code, found.pointer, found.value) == ("clip_norm", "/training/clip_norm", 1.0)


def test_numbers_that_outgrow_float32_are_to_be_held_in_float64() -> None:
    clipped = wish(optimizer=AdamSpec(), clip_norm=1.0)
    found = suggest(prepared(clipped), OVERFLOWING)
    assert (found.code, found.value) == ("precision", "float64")
    exact = wish(optimizer=AdamSpec(), clip_norm=1.0, precision="float64")
    assert suggest(prepared(exact), OVERFLOWING).code == "learning_rate"
    assert suggest(prepared(clipped), AT).code == "learning_rate"
