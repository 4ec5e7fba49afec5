from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from tests.workers.modelling.tables import PENGUINS, Trained, codes_of, csv_of, ingested, trained
from workers.engine.spec import EarlyStoppingSpec, NetworkSpec, PoissonSpec
from workers.modelling.estimator import prepare
from workers.modelling.evaluation import report
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve

DATA = ingested(PENGUINS)
TARGETS = ("body_mass_g", "bill_length_mm")
MISMATCH = "spec_dataset_mismatch"


def cells(name: str, rows: np.ndarray) -> np.ndarray:
    return np.array(DATA.table[name].take(rows).to_pylist(), float)


@pytest.fixture(scope="module")
def both() -> Trained:
    return trained(DATA, ModelWish(target=TARGETS, split={"test": 0.2}, seed=1))


def test_each_target_is_predicted_in_its_own_units(both: Trained) -> None:
    names = [feature.name for feature in both.model.features]
    assert set(TARGETS).isdisjoint(names)
    rows = both.prepared.split.test
    predictions = both.model.predict_rows(DATA.table.select(names).take(rows).to_pylist())
    assert predictions.targets == TARGETS
    assert predictions.values is not None
    truth = np.column_stack([cells(name, rows) for name in TARGETS])
    assert predictions.values.shape == truth.shape
    # Better by far than the mean, which has 0: a mixed-up column would be worse than that.
    for place in range(2):
        assert metrics.r2_score(truth[:, place], predictions.values[:, place]) > 0.6


def test_the_report_has_each_target_and_their_averages(both: Trained) -> None:
    figures = report(both.model, both.prepared)
    part = figures["test"]
    rows = both.prepared.split.test
    names = [feature.name for feature in both.model.features]
    values = both.model.predict_rows(DATA.table.select(names).take(rows).to_pylist()).values
    assert values is not None
    for place, name in enumerate(TARGETS):
        truth, column = cells(name, rows), values[:, place]
        of_target = part["targets"][name]
        assert of_target["r2"] == pytest.approx(metrics.r2_score(truth, column), rel=1e-12)
        expected = metrics.root_mean_squared_error(truth, column)
        assert of_target["rmse"] == pytest.approx(expected, rel=1e-12)
        assert set(of_target) == {"r2", "rmse", "mae", "residual_quantiles"}
    for measure in ("r2", "rmse", "mae"):
        of_each = [part["targets"][name][measure] for name in TARGETS]
        assert part[measure] == pytest.approx(np.mean(of_each), rel=1e-15)
    constant = figures["baselines"]["constant"]["test"]
    assert set(constant["targets"]) == set(TARGETS)


def test_an_epoch_measures_the_averages(both: Trained) -> None:
    best = next(r for r in both.reports if r.epoch == both.state.best_epoch)
    figures = report(both.model, both.prepared)["validation"]
    assert best.metrics == {f"val_{name}": figures[name] for name in ("r2", "rmse", "mae")}


def test_rows_that_miss_one_of_the_targets_are_in_no_part() -> None:
    rows = [(i * 0.5, None if i % 10 == 3 else i, None if i % 10 == 6 else -i) for i in range(50)]
    data = ingested(csv_of("x,a,b", rows))
    plan = resolve(ModelWish(target=("a", "b")), data.profile)
    prepared = prepare(data.table, plan)
    split = prepared.split
    found = sorted(np.concatenate((split.train, split.validation)).tolist())
    assert found == [i for i in range(50) if i % 10 not in (3, 6)]
    assert prepared.data.y.shape == (len(split.train), 2)
    np.testing.assert_allclose(prepared.data.y[:, 0], -prepared.data.y[:, 1], rtol=1e-6)
    assert [w.code for w in prepared.warnings] == ["missing_target"]


def test_a_list_of_one_target_answers_as_a_list() -> None:
    model = trained(DATA, ModelWish(target=("body_mass_g",), training={"epochs": 2})).model
    names = [feature.name for feature in model.features]
    predictions = model.predict_rows(DATA.table.select(names).to_pylist()[:3])
    assert predictions.targets == ("body_mass_g",)
    assert predictions.values is not None
    assert predictions.values.shape == (3, 1)


def test_a_target_among_the_rows_to_predict_is_not_read_and_said_once(both: Trained) -> None:
    row = {feature.name: None for feature in both.model.features}
    alone = both.model.predict_rows([row, row])
    rows = [row | {"bill_length_mm": length} for length in (40.0, 4.0)]
    beside = both.model.predict_rows(rows)
    assert beside.values is not None
    assert alone.values is not None
    assert beside.values.tobytes() == alone.values.tobytes()
    first, *others = beside.warnings
    assert (first.row, first.column, first.code) == (0, "bill_length_mm", "target_ignored")
    assert tuple(others) == alone.warnings


def test_several_targets_without_hidden_layers_have_a_formula_each() -> None:
    data = ingested(csv_of("x,a,b", ((i, 2.0 * i + 5.0, 7.0 - i) for i in range(40))))
    wish = ModelWish(target=("a", "b"), features=("x",), network="linear")
    end = trained(data, wish)
    figures = report(end.model, end.prepared)
    for name, slope, intercept in (("a", 2.0, 5.0), ("b", -1.0, 7.0)):
        assert figures["coefficients"][name]["x"] == pytest.approx(slope, rel=0.02)
        assert figures["intercept"][name] == pytest.approx(intercept, abs=0.5)


@pytest.mark.parametrize(
    ("targets", "task", "expected"),
    [
        (("body_mass_g", "species"), None, {f"/target/1 {MISMATCH}"}),
        (("body_mass_g", "nothing"), None, {"/target/1 unknown_column"}),
        (("body_mass_g", "body_mass_g"), None, {"/target/1 duplicate_target"}),
        (("body_mass_g", "year"), "multiclass", {f"/task {MISMATCH}"}),
        (("body_mass_g", "year"), "regression", set()),
        (("body_mass_g", "year"), None, set()),
    ],
)
def test_several_targets_must_be_different_numbers(
    targets: tuple[str, ...], task: str | None, expected: set[str]
) -> None:
    wish = replace(ModelWish(target=targets), task=task)  # type: ignore[arg-type]
    assert codes_of(DATA, wish) == expected


def test_a_target_is_no_feature_of_the_others() -> None:
    wish = ModelWish(target=TARGETS, features=("island", "bill_length_mm"))
    assert codes_of(DATA, wish) == {"/features/1 feature_is_target"}


def test_every_target_of_a_count_model_must_be_a_count() -> None:
    rows = ((i, i % 7, i - 3) for i in range(60))
    data = ingested(csv_of("x,a,b", rows))
    wish = ModelWish(target=("a", "b"), training={"loss": PoissonSpec()})
    assert codes_of(data, wish) == {f"/training/loss {MISMATCH}"}


def test_stopping_goes_by_the_average_of_the_targets() -> None:
    stopping = EarlyStoppingSpec(monitor="val_r2", patience=3)
    wish = ModelWish(
        target=TARGETS,
        network=NetworkSpec(),
        training={"early_stopping": stopping, "epochs": 40},
    )
    end = trained(DATA, wish)
    values = [r.metrics["val_r2"] for r in end.reports]
    assert end.state.best_value == max(values)
    assert end.state.best_epoch == values.index(max(values)) + 1
