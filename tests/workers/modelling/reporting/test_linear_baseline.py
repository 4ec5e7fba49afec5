"""The linear baseline is what scikit-learn's Ridge and LogisticRegression fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from tests.workers.modelling.tables import PENGUINS, csv_of, ingested
from workers.engine.spec import EmbeddingSpec, NetworkSpec
from workers.modelling.estimator import Prepared, prepare
from workers.modelling.evaluation import report
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve
from workers.modelling.reporting.linear import OVERFLOWED, LinearModel, fit_linear

if TYPE_CHECKING:
    from tests.workers.modelling.tables import Ingested
    from workers.modelling.reporting.answers import Answers

DATA = ingested(PENGUINS)


def prepared_for(target: str, data: Ingested = DATA, **wish: object) -> Prepared:
    # Inputs that the oracles can read as they are: no bins beside the numbers.
    wish = {"preprocessing": "standard", **wish}
    return prepare(data.table, resolve(ModelWish(target=target, seed=1, **wish), data.profile))  # type: ignore[arg-type]


def said(prepared: Prepared) -> Answers:
    model = fit_linear(prepared, epochs=10)
    assert isinstance(model, LinearModel)
    assert prepared.validation is not None
    return model.answers(prepared.validation)


def standardiser(prepared: Prepared) -> ColumnTransformer:
    """What people put in front of a linear model: numbers standardised, levels as 0 and 1."""
    is_number = ~np.isin(prepared.data.X, [0.0, 1.0]).all(axis=0)
    numbers = ("numbers", StandardScaler(), np.flatnonzero(is_number))
    return ColumnTransformer([numbers], remainder="passthrough").fit(prepared.data.X)


def test_of_numbers_it_is_the_ridge_regression() -> None:
    prepared = prepared_for("body_mass_g")
    scaler = standardiser(prepared)
    truth = prepared.training_truth[:, 0]
    ridge = Ridge(alpha=1.0).fit(scaler.transform(prepared.data.X), truth)
    assert prepared.validation is not None
    expected = ridge.predict(scaler.transform(prepared.validation.X))
    np.testing.assert_allclose(said(prepared).said[:, 0], expected, atol=2e-3 * truth.std())


@pytest.mark.parametrize("target", ["sex", "species"])
def test_of_classes_it_is_the_logistic_regression(target: str) -> None:
    assert_logistic(prepared_for(target))


def test_rare_levels_are_held_back() -> None:
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 40, (400, 5))
    effects = rng.normal(size=(5, 40))
    odds = effects[np.arange(5), levels].sum(axis=1)
    truth = rng.random(400) < 1.0 / (1.0 + np.exp(-odds))
    rows = ((*(f"v{n}" for n in row), "yn"[int(y)]) for row, y in zip(levels, truth, strict=True))
    assert_logistic(prepared_for("y", ingested(csv_of("a,b,c,d,e,y", rows))))


def assert_logistic(prepared: Prepared) -> None:
    scaler = standardiser(prepared)
    logistic = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8)
    logistic.fit(scaler.transform(prepared.data.X), prepared.training_truth)
    assert prepared.validation is not None
    expected = logistic.predict_proba(scaler.transform(prepared.validation.X))
    np.testing.assert_allclose(said(prepared).said, expected, atol=5e-3)


def test_a_line_is_found() -> None:
    line = ingested(csv_of("x,y", ((x, 2 * x + 1) for x in range(100))))
    prepared = prepared_for("y", line)
    found = said(prepared)
    # The penalty takes one part in 81 off the slope.
    assert found.said == pytest.approx(found.truth, abs=0.02 * np.ptp(found.truth))


def test_embedded_levels_enter_one_by_one() -> None:
    rows = ((level, 3.0 * (level == "c") + 0.01 * n) for n, level in enumerate("abcd" * 30))
    data = ingested(csv_of("level,y", rows))
    prepared = prepared_for(
        "y", data, network=NetworkSpec(embeddings=(EmbeddingSpec(column="level", dimension=2),))
    )
    model = fit_linear(prepared, epochs=10)
    assert isinstance(model, LinearModel)
    assert model.inputs.count == 4
    found = said(prepared)
    assert np.abs(found.said - found.truth).max() < 0.8


def test_more_columns_than_rows_are_penalised_into_sense() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 200))
    y = X[:, 0] + 0.1 * rng.normal(size=60)
    header = ",".join([*(f"c{i}" for i in range(200)), "y"])
    data = ingested(
        csv_of(header, (np.append(row, value) for row, value in zip(X, y, strict=True)))
    )
    prepared = prepared_for("y", data)
    scaler = StandardScaler().fit(prepared.data.X)
    ridge = Ridge(alpha=1.0).fit(scaler.transform(prepared.data.X), prepared.training_truth[:, 0])
    assert prepared.validation is not None
    expected = ridge.predict(scaler.transform(prepared.validation.X))
    np.testing.assert_allclose(said(prepared).said[:, 0], expected, atol=0.02)


def test_raw_numbers_of_any_size_are_standardised_first() -> None:
    rows = ((x * 1e6 + 5e6, 1e-3 * x + 7.0) for x in np.random.default_rng(0).normal(size=100))
    data = ingested(csv_of("x,y", rows))
    found = said(prepared_for("y", data, preprocessing="none"))
    assert found.said == pytest.approx(found.truth, abs=1e-4)


def test_the_same_rows_give_the_same_bits() -> None:
    one, other = (said(prepared_for("species")).said.tobytes() for _ in range(2))
    assert one == other


def test_a_fit_that_overflows_is_a_reason_and_no_failure() -> None:
    prepared = prepared_for("body_mass_g")
    prepared.data.X[0, 0] = np.nan
    fitted = prepared.fitted(prepared.network.initial_parameters(0, prepared.data.X.dtype))
    assert report(fitted, prepared)["baselines"]["linear"] == {"reason": OVERFLOWED}
