from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from tests.workers.modelling.tables import PENGUINS, codes_of, csv_of, ingested, trained
from workers.engine.losses import OUTPUT_ACTIVATIONS
from workers.engine.spec import (
    BinaryCrossEntropySpec,
    FocalSpec,
    HuberSpec,
    Loss,
    MaeSpec,
    MseSpec,
    NetworkSpec,
    OutputSpec,
    PoissonSpec,
    QuantileSpec,
    SoftmaxCrossEntropySpec,
)
from workers.modelling.evaluation import report
from workers.modelling.output_layer import PAIRS
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve

DATA = ingested(PENGUINS)
COUNTS = ingested(
    csv_of(
        "x,y", ((f"{i * 0.01:.2f}", round(np.exp(0.5 + 0.01 * i) + (i % 3))) for i in range(250))
    )
)
MISMATCH = "spec_dataset_mismatch"
SHORT = {"epochs": 3}


def test_every_loss_is_of_use_to_some_task() -> None:
    losses = {spec.type for spec in get_args(get_args(Loss)[0])}
    assert {pair.loss.type for pairs in PAIRS.values() for pair in pairs} == losses


def test_every_pair_is_one_that_the_engine_can_train() -> None:
    for pairs in PAIRS.values():
        for pair in pairs:
            assert pair.activation in OUTPUT_ACTIVATIONS[pair.loss.type]


@pytest.mark.parametrize(
    ("target", "loss", "activation"),
    [
        ("body_mass_g", MaeSpec(), "identity"),
        ("body_mass_g", HuberSpec(delta=0.3), "identity"),
        ("body_mass_g", QuantileSpec(quantile=0.9), "identity"),
        ("body_mass_g", PoissonSpec(), "exponential"),
        ("sex", BinaryCrossEntropySpec(label_smoothing=0.1), "sigmoid"),
        ("sex", FocalSpec(gamma=1.5), "sigmoid"),
        ("species", SoftmaxCrossEntropySpec(label_smoothing=0.1), "softmax"),
        ("species", FocalSpec(gamma=3.0), "softmax"),
    ],
)
def test_a_loss_with_parameters_of_ones_own_trains(
    target: str, loss: Loss, activation: str
) -> None:
    end = trained(DATA, ModelWish(target=target, training={"loss": loss, **SHORT}))
    plan = end.prepared.plan
    assert plan.training.loss == loss
    assert plan.network.output is not None
    assert plan.network.output.activation == activation
    assert end.state.stop_reason == "max_epochs"


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropySpec(), FocalSpec()])
def test_two_classes_may_have_an_output_each(loss: Loss) -> None:
    network = NetworkSpec(output=OutputSpec(activation="softmax"))
    wish = ModelWish(target="sex", network=network, training={"loss": loss, **SHORT})
    end = trained(DATA, wish)
    assert end.prepared.network.n_outputs == 2
    assert end.model.classes == ("female", "male")


def test_every_pointwise_activation_may_stand_at_the_output_of_a_regression() -> None:
    activations = {pair.activation for pair in PAIRS["regression"] if pair.loss == MseSpec()}
    for activation in activations:
        network = NetworkSpec(output=OutputSpec(activation=activation))
        end = trained(DATA, ModelWish(target="body_mass_g", network=network, training=SHORT))
        assert end.prepared.network.output_activation == activation


def test_the_other_fields_of_the_output_layer_stand() -> None:
    output = OutputSpec(initializer="zeros", bias=False, l2=0.5, max_norm=1.0)
    plan = resolve(ModelWish(target="sex", network=NetworkSpec(output=output)), DATA.profile)
    assert plan.network.output == OutputSpec(
        activation="sigmoid", initializer="zeros", bias=False, l2=0.5, max_norm=1.0
    )


def test_counts_are_learned_as_they_are_and_predicted_as_rates() -> None:
    training: dict[str, Any] = {"loss": PoissonSpec(), "precision": "float64"}
    end = trained(COUNTS, ModelWish(target="y", network="linear", training=training))
    assert end.prepared.data.y.tolist() == end.prepared.training_truth.tolist()
    figures = report(end.model, end.prepared)
    assert figures["validation"]["r2"] > 0.9
    # log rate = intercept + coefficient x, fitted on exp(0.5 + x) + 1 or so.
    values = end.model.predict_rows([{"x": 0.0}, {"x": 2.0}]).values
    assert values is not None
    intercept, slope = figures["intercept"], figures["coefficients"]["x"]
    np.testing.assert_allclose(np.log(values), [intercept, intercept + 2 * slope], rtol=1e-9)
    assert "logarithm" in figures["coefficients_of"]


def test_counts_cannot_be_negative() -> None:
    data = ingested(csv_of("x,y", ((i, i - 5) for i in range(60))))
    wish = ModelWish(target="y", training={"loss": PoissonSpec()})
    assert codes_of(data, wish) == {f"/training/loss {MISMATCH}"}


@pytest.mark.parametrize(
    ("target", "loss"),
    [
        ("species", BinaryCrossEntropySpec()),
        ("species", HuberSpec()),
        ("sex", QuantileSpec()),
        ("sex", PoissonSpec()),
        ("body_mass_g", FocalSpec()),
        ("body_mass_g", SoftmaxCrossEntropySpec(label_smoothing=0.2)),
    ],
)
def test_a_loss_of_another_task_is_refused_whatever_its_parameters(target: str, loss: Loss) -> None:
    wish = ModelWish(target=target, training={"loss": loss})
    assert codes_of(DATA, wish) == {f"/training/loss {MISMATCH}"}


def test_label_smoothing_is_warned_of() -> None:
    wish = ModelWish(target="sex", training={"loss": BinaryCrossEntropySpec(label_smoothing=0.1)})
    codes = [warning.code for warning in resolve(wish, DATA.profile).warnings]
    assert codes == ["label_smoothing"]
