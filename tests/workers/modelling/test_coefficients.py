from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.workers.modelling.tables import PENGUINS, Trained, csv_of, ingested, trained
from workers.engine.spec import (
    BatchNormSpec,
    DropoutSpec,
    EmbeddingSpec,
    NetworkSpec,
    NumericEmbeddingSpec,
    OutputSpec,
)
from workers.modelling.evaluation import report
from workers.modelling.plan import ModelWish

DATA = ingested(PENGUINS)
NUMBERS = ("bill_length_mm", "flipper_length_mm", "year")
EXACT: dict[str, Any] = {"precision": "float64", "epochs": 3}


def fit(**wish: Any) -> Trained:
    return trained(DATA, ModelWish(**{"network": "linear", "training": EXACT} | wish))


def score(coefficients: dict[str, float], intercept: float, row: dict[str, Any]) -> float:
    """The formula on a row as it stands in the data."""
    total = intercept
    for name, value in row.items():
        if isinstance(value, str):
            total += coefficients.get(f"{name}={value}", 0.0)
        elif value is not None:
            total += coefficients[name] * value
    return total


def complete_rows(end: Trained) -> list[dict[str, Any]]:
    names = [feature.name for feature in end.model.features]
    rows = DATA.table.select(names).to_pylist()
    return [row for row in rows if None not in row.values()][:50]


def test_a_noisy_line_is_recovered() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(10.0, 50.0, 400)
    y = 2.5 * x - 40.0 + rng.normal(0.0, 0.5, 400)
    line = ingested(csv_of("x,y", zip(x.tolist(), y.tolist(), strict=True)))
    for network in ("linear", NetworkSpec()):
        end = trained(line, ModelWish(target="y", network=network))
        figures = report(end.model, end.prepared)
        assert figures["coefficients"]["x"] == pytest.approx(2.5, rel=0.02)
        assert figures["intercept"] == pytest.approx(-40.0, rel=0.02)


@pytest.mark.parametrize("preprocessing", ["standard", "none"])
def test_the_formula_gives_the_predicted_value(preprocessing: str) -> None:
    features = NUMBERS if preprocessing == "none" else None
    end = fit(target="body_mass_g", preprocessing=preprocessing, features=features)
    figures, rows = report(end.model, end.prepared), complete_rows(end)
    values = [score(figures["coefficients"], figures["intercept"], row) for row in rows]
    predicted = end.model.predict_rows(rows).values
    assert predicted is not None
    np.testing.assert_allclose(np.array(values), predicted, rtol=1e-10)


def test_of_two_classes_the_formula_gives_the_log_odds_of_the_second() -> None:
    end = fit(target="sex")
    figures, rows = report(end.model, end.prepared), complete_rows(end)
    assert figures["coefficients_of"] == "male"
    log_odds = [score(figures["coefficients"], figures["intercept"], row) for row in rows]
    probabilities = end.model.predict_rows(rows).probabilities
    assert probabilities is not None
    np.testing.assert_allclose(1 / (1 + np.exp(-np.array(log_odds))), probabilities[:, 1], 1e-9)


def test_of_more_classes_each_has_a_formula_before_softmax() -> None:
    end = fit(target="species")
    figures, rows = report(end.model, end.prepared), complete_rows(end)
    classes = end.model.classes or ()
    scores = np.array(
        [
            [score(figures["coefficients"][c], figures["intercept"][c], row) for c in classes]
            for row in rows
        ]
    )
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    expected = shares / shares.sum(axis=1, keepdims=True)
    probabilities = end.model.predict_rows(rows).probabilities
    assert probabilities is not None
    np.testing.assert_allclose(probabilities, expected, rtol=1e-8)


def test_a_column_that_was_constant_in_training_has_no_coefficient() -> None:
    data = ingested(csv_of("x,k,y", ((i * 0.7, 3, i * 1.5) for i in range(40))))
    end = trained(data, ModelWish(target="y", features=("x", "k"), network="linear"))
    assert report(end.model, end.prepared)["coefficients"]["k"] == 0.0


@pytest.mark.parametrize(
    "network",
    [
        NetworkSpec(skip=True),
        NetworkSpec(output=OutputSpec(bias=False)),
        NetworkSpec(layers=(DropoutSpec(rate=0.5),), skip=True),
    ],
)
@pytest.mark.parametrize("target", ["body_mass_g", "sex"])
def test_a_skip_a_dropout_and_a_missing_bias_leave_a_formula(
    target: str, network: NetworkSpec
) -> None:
    end = fit(target=target, network=network)
    figures, rows = report(end.model, end.prepared), complete_rows(end)
    values = np.array([score(figures["coefficients"], figures["intercept"], row) for row in rows])
    predictions = end.model.predict_rows(rows)
    if target == "sex":
        assert predictions.probabilities is not None
        np.testing.assert_allclose(1 / (1 + np.exp(-values)), predictions.probabilities[:, 1], 1e-9)
    else:
        assert predictions.values is not None
        np.testing.assert_allclose(values, predictions.values, rtol=1e-10)


@pytest.mark.parametrize(
    "network",
    [
        "mlp",
        NetworkSpec(output=OutputSpec(activation="tanh")),
        NetworkSpec(layers=(BatchNormSpec(),)),
        NetworkSpec(embeddings=(EmbeddingSpec(column="island", dimension=2),)),
        NetworkSpec(members=2),
        NetworkSpec(numeric_embeddings=NumericEmbeddingSpec()),
    ],
)
def test_a_network_of_another_form_has_no_coefficients(network: Any) -> None:
    end = fit(target="body_mass_g", network=network)
    assert "coefficients" not in report(end.model, end.prepared)
