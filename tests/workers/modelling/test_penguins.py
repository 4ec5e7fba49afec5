"""One table the whole way: from the file to predictions, and everything that is said of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics

from tests.workers.modelling.tables import PENGUINS, Trained, ingested, trained, trained_plan
from workers.modelling.codec import model_from_bytes, model_to_bytes
from workers.modelling.estimator import FittedModel, prepare
from workers.modelling.evaluation import report
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve
from workers.tabular.csv_rows import prediction_rows

DATA = ingested(PENGUINS)


@pytest.fixture(scope="module")
def species() -> Trained:
    return trained(DATA, ModelWish(target="species", split={"test": 0.2}, seed=1))


@pytest.fixture(scope="module")
def mass() -> Trained:
    return trained(DATA, ModelWish(target="body_mass_g", split={"test": 0.2}, seed=1))


def rows_of(model: FittedModel, numbers: np.ndarray | None = None) -> list[dict[str, Any]]:
    table = DATA.table.select([feature.name for feature in model.features])
    return (table if numbers is None else table.take(numbers)).to_pylist()


def answers(model: FittedModel, rows: list[dict[str, Any]]) -> bytes:
    predictions = model.predict_rows(rows)
    found = predictions.values if predictions.classes is None else predictions.probabilities
    assert found is not None
    return found.tobytes()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nothing_but_the_target_makes_a_good_model(seed: int) -> None:
    end = trained(DATA, ModelWish(target="species", seed=seed))
    figures = report(end.model, end.prepared)["validation"]
    # 69 rows: at most two of them wrong, where the constant answer is right in 30.
    assert figures["accuracy"] >= 67 / 69


def test_validation_rows_teach_the_preprocessing_nothing(species: Trained) -> None:
    plan, split = species.prepared.plan, species.prepared.split
    held_out = np.concatenate((split.validation, split.test))
    columns: dict[str, Any] = {}
    for name in DATA.table.column_names:
        column = DATA.table[name].to_pylist()
        if name in ("bill_length_mm", "body_mass_g"):
            for row in held_out:
                column[row] = 1e6
        columns[name] = pa.array(column, DATA.table[name].type)
    changed = prepare(pa.table(columns), plan)
    assert np.array_equal(changed.split.train, split.train)
    assert changed.preprocessing == species.prepared.preprocessing
    assert changed.data.X.tobytes() == species.prepared.data.X.tobytes()
    assert changed.validation is not None
    assert species.prepared.validation is not None
    assert changed.validation.X.tobytes() != species.prepared.validation.X.tobytes()


@pytest.mark.parametrize("which", ["species", "mass"])
def test_a_row_has_the_same_answer_alone_in_company_and_in_any_order(
    which: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(which).model
    rows = rows_of(model)
    together = answers(model, rows)
    assert b"".join(answers(model, [row]) for row in rows) == together
    width = len(together) // len(rows)
    backwards = answers(model, rows[::-1])
    assert [together[i : i + width] for i in range(0, len(together), width)] == [
        backwards[i : i + width] for i in range(0, len(together), width)
    ][::-1]
    columns = list(rows[0])
    as_arrays = model.predict_inputs([[row[name] for name in columns] for row in rows])
    found = as_arrays.values if as_arrays.classes is None else as_arrays.probabilities
    assert found is not None
    assert found.tobytes() == together


def test_csv_has_the_answers_of_json(species: Trained) -> None:
    columns = prediction_rows(PENGUINS.read_bytes())
    del columns["species"]
    from_csv = species.model.predict_columns(columns)
    from_json = species.model.predict_rows(rows_of(species.model))
    assert from_csv.probabilities is not None
    assert from_json.probabilities is not None
    assert from_csv.probabilities.tobytes() == from_json.probabilities.tobytes()
    assert from_csv.warnings == from_json.warnings


def test_predictions_are_what_training_saw_on_the_validation_rows(species: Trained) -> None:
    plan = species.prepared.plan
    last = trained_plan(
        DATA.table, replace(plan, training=replace(plan.training, early_stopping=None, epochs=5))
    )
    outputs = last.reports[-1].val_outputs
    assert outputs is not None
    rows = rows_of(last.model, last.prepared.split.validation)
    assert answers(last.model, rows) == outputs.astype(np.float64).tobytes()


@pytest.mark.parametrize("which", ["species", "mass"])
def test_a_model_that_was_written_and_read_answers_with_the_same_bits(
    which: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(which).model
    written = model_to_bytes(model)
    read = model_from_bytes(written)
    assert answers(read, rows_of(model)) == answers(model, rows_of(model))
    assert model_to_bytes(read) == written
    assert (read.features, read.classes, read.target_name, read.task) == (
        model.features,
        model.classes,
        model.target_name,
        model.task,
    )


@pytest.mark.parametrize("part", ["validation", "test"])
def test_the_figures_of_a_classification_are_scikit_learns(species: Trained, part: str) -> None:
    prepared, model = species.prepared, species.model
    figures = report(model, prepared)[part]
    rows = getattr(prepared.split, part)
    truth = DATA.table["species"].take(rows).to_pylist()
    predictions = model.predict_rows(rows_of(model, rows))
    labels = list(predictions.classes or ())
    matrix = metrics.confusion_matrix(truth, predictions.labels, labels=labels)
    assert figures["n"] == len(truth)
    assert figures["accuracy"] == metrics.accuracy_score(truth, predictions.labels)
    assert figures["balanced_accuracy"] == pytest.approx(
        metrics.balanced_accuracy_score(truth, predictions.labels), rel=1e-14
    )
    # Rows of probabilities in float32 sum to 1 within 1e-7; scikit-learn wants 1e-8.
    assert predictions.probabilities is not None
    exact = predictions.probabilities / predictions.probabilities.sum(axis=1, keepdims=True)
    expected = metrics.log_loss(truth, exact, labels=labels)
    assert figures["log_loss"] == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert figures["confusion_matrix"] == {"labels": labels, "matrix": matrix.tolist()}


@pytest.mark.parametrize("part", ["validation", "test"])
def test_the_figures_of_a_regression_are_scikit_learns(mass: Trained, part: str) -> None:
    prepared, model = mass.prepared, mass.model
    figures = report(model, prepared)[part]
    rows = getattr(prepared.split, part)
    truth = np.array(DATA.table["body_mass_g"].take(rows).to_pylist())
    values = model.predict_rows(rows_of(model, rows)).values
    assert values is not None
    assert figures["n"] == len(truth)
    assert figures["r2"] == pytest.approx(metrics.r2_score(truth, values), rel=1e-12)
    rmse = metrics.root_mean_squared_error(truth, values)
    assert figures["rmse"] == pytest.approx(rmse, rel=1e-12)
    assert figures["mae"] == pytest.approx(metrics.mean_absolute_error(truth, values), rel=1e-12)
    assert figures["residual_quantiles"]["0.5"] == pytest.approx(np.median(truth - values))


def test_the_constant_baseline_knows_the_training_rows_alone(
    species: Trained, mass: Trained
) -> None:
    split = mass.prepared.split
    column = np.array(DATA.table["body_mass_g"].to_pylist(), float)
    figures = report(mass.model, mass.prepared)["baselines"]["constant"]["test"]
    constant = np.full(len(split.test), column[split.train].mean())
    assert figures["rmse"] == pytest.approx(
        metrics.root_mean_squared_error(column[split.test], constant), rel=1e-12
    )
    split = species.prepared.split
    names = np.array(DATA.table["species"].to_pylist())
    labels, counts = np.unique(names[split.train], return_counts=True)
    figures = report(species.model, species.prepared)["baselines"]["constant"]["test"]
    frequencies = np.tile(counts / counts.sum(), (len(split.test), 1))
    assert figures["accuracy"] == np.mean(names[split.test] == labels[counts.argmax()])
    assert figures["log_loss"] == pytest.approx(
        metrics.log_loss(names[split.test], frequencies), rel=1e-12
    )


def test_the_measures_of_an_epoch_are_those_of_the_report(mass: Trained, species: Trained) -> None:
    of_classes = ("accuracy", "balanced_accuracy", "log_loss")
    for end, names in ((mass, ("rmse", "mae", "r2")), (species, of_classes)):
        best = next(r for r in end.reports if r.epoch == end.state.best_epoch)
        figures = report(end.model, end.prepared)["validation"]
        assert best.metrics == {f"val_{name}": figures[name] for name in names}


def test_without_validation_rows_nothing_is_measured() -> None:
    wish = ModelWish(target="species", split={"validation": 0.0}, training={"epochs": 2})
    end = trained(DATA, wish)
    assert [dict(r.metrics) for r in end.reports] == [{}, {}]
    figures = report(end.model, end.prepared)
    assert (figures["validation"], figures["baselines"]["constant"]["validation"]) == (None, None)


@pytest.mark.parametrize("target", ["species", "body_mass_g"])
def test_the_report_of_answers_that_overflowed_is_still_json(target: str) -> None:
    wish = ModelWish(target=target, split={"test": 0.2}, training={"epochs": 1}, network="linear")
    end = trained(DATA, wish)
    assert end.prepared.test is not None
    end.prepared.test.X[::2] = np.inf
    figures = json.loads(json.dumps(report(end.model, end.prepared), allow_nan=False))
    assert figures["test"]["log_loss" if target == "species" else "rmse"] is None
    assert figures["validation"] is not None


def test_the_same_plan_trains_the_same_bits() -> None:
    plan = resolve(ModelWish(target="sex", training={"epochs": 3}), DATA.profile)
    one, other = (trained_plan(DATA.table, plan).model for _ in range(2))
    assert one.parameters.tobytes() == other.parameters.tobytes()
