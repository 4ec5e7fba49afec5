"""Reports of real trainings: what columns matter, what was learned, how far to trust it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression

from service.schemas.reports import Report
from tests.workers.modelling.tables import (
    PENGUINS,
    Trained,
    csv_of,
    ingested,
    trained,
    trained_plan,
)
from workers.modelling.evaluation import Course, report
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve
from workers.modelling.reporting.importance import LEAST_ROWS, REPEATS, extent_of
from workers.modelling.reporting.linear import plain_inputs
from workers.tabular.spec import DatetimeSpec, NumericSpec, PreprocessingSpec

if TYPE_CHECKING:
    from tests.workers.modelling.tables import Ingested


def reported(end: Trained, course: Course | None = None) -> dict[str, Any]:
    """The report as the API gives it, after the contract has looked at it."""
    figures = report(end.model, end.prepared, course)
    plain: dict[str, Any] = json.loads(json.dumps(figures, allow_nan=False))
    assert Report.model_validate(plain).model_dump(mode="json", exclude_unset=True) == plain
    return plain


def rare_positives() -> Ingested:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(600, 2))
    is_rare = x[:, 0] + 0.5 * rng.normal(size=600) > 1.6
    rows = ((a, b, "yes" if rare else "no") for (a, b), rare in zip(x, is_rare, strict=True))
    return ingested(csv_of("a,b,y", rows))


def weighted_sum() -> Ingested:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(400, 3))
    y = 3.0 * x[:, 0] + x[:, 1] + 0.1 * rng.normal(size=400)
    rows = ((*row, "red" if row[0] > 0 else "blue", value) for row, value in zip(x, y, strict=True))
    return ingested(csv_of("a,b,noise,colour,y", rows))


def test_every_task_has_a_report_that_the_contract_knows() -> None:
    data = ingested(PENGUINS)
    for target in ("species", "sex", "body_mass_g", ("bill_length_mm", "bill_depth_mm")):
        for split in ({"test": 0.2}, {"validation": 0.0}, {"validation": 0.0, "test": 0.3}):
            wish = ModelWish(
                target=target, split=split, training={"epochs": 3, "early_stopping": None}
            )
            found = reported(trained(data, wish))
            assert ("reason" in found["conformal"]) == (split.get("validation") == 0.0)
            assert found["baselines"]["linear"]["rows"] == found["rows"]["train"]


def test_the_columns_that_make_the_target_matter_and_noise_does_not() -> None:
    end = trained(weighted_sum(), ModelWish(target="y", network="linear", split={"test": 0.3}))
    found = reported(end)["importance"]
    assert (found["part"], found["repeats"]) == ("test", REPEATS)
    increases = {column["column"]: column["increase"] for column in found["columns"]}
    assert [c["column"] for c in found["columns"]][:2] == ["a", "b"]
    assert set(increases) == {"a", "b", "noise", "colour"}
    assert abs(increases["noise"]) < 0.01 * increases["b"]


def test_importances_are_scikit_learns() -> None:
    end = trained(weighted_sum(), ModelWish(target="y", network="linear", split={"test": 0.3}))
    prepared = end.prepared
    assert prepared.test is not None
    found = reported(end)["importance"]
    ours = {column["column"]: column for column in found["columns"]}
    truth = prepared.test.truth[:, 0]
    linear = LinearRegression().fit(prepared.data.X, prepared.training_truth[:, 0])
    expected = permutation_importance(
        linear,
        prepared.test.X,
        truth,
        scoring="neg_mean_squared_error",
        n_repeats=50,
        random_state=0,
    )
    variance = prepared.training_truth.var()
    for place, name in ((0, "a"), (1, "b")):
        assert prepared.preprocessing.outputs[place] == name
        theirs = expected.importances_mean[place] / variance
        spread = expected.importances_std[place] / variance
        assert ours[name]["increase"] == pytest.approx(theirs, abs=4 * spread)
        assert 0.0 < ours[name]["spread"] < 5 * spread


def test_all_inputs_of_a_column_are_dealt_out_together() -> None:
    data = ingested(PENGUINS)
    found = reported(trained(data, ModelWish(target="species", training={"epochs": 30})))
    columns = [column["column"] for column in found["importance"]["columns"]]
    assert sorted(columns) == sorted(set(data.table.column_names) - {"species"})


def test_targets_near_the_end_of_the_numbers_are_reported_without_infinities() -> None:
    rows = ((x, (1e300 if x > 50 else -1e300) * (x % 7)) for x in range(100))
    wish = ModelWish(target="y", network="linear", split={"test": 0.2}, training={"epochs": 3})
    found = reported(trained(ingested(csv_of("x,y", rows)), wish))
    assert found["validation"]["rmse"] > 1e299


def test_a_report_of_many_classes_stays_short() -> None:
    rows = ((n, n * n, f"class {n % 150}") for n in range(900))
    wish = ModelWish(target="y", split={"test": 0.2}, training={"epochs": 2})
    found = reported(trained(ingested(csv_of("a,b,y", rows)), wish))
    assert len(found["validation"]["classes"]) == 150
    assert len(found["validation"]["curves"]) == 20
    assert "confusion_matrix" not in found["baselines"]["linear"]["test"]


def test_what_other_versions_report_is_still_a_report() -> None:
    found = reported(trained(weighted_sum(), ModelWish(target="y", training={"epochs": 1})))
    older = {name: found[name] for name in ("task", "rows", "validation", "test")}
    older["baselines"] = {"constant": found["baselines"]["constant"]}
    newer = found | {"of_a_later_version": {"parts": 5}}
    for report_of in (older, newer):
        read = Report.model_validate(report_of)
        assert read.model_dump(mode="json", exclude_unset=True) == report_of


def test_bins_parts_and_differences_belong_to_columns() -> None:
    rng = np.random.default_rng(6)
    rows = []
    for _ in range(300):
        x, begin, days = rng.normal(), rng.integers(1, 28), rng.integers(1, 300)
        day = date(2024, 1, int(begin))
        rows.append((x, day, day + timedelta(days=int(days)), x + 0.01 * days))
    data = ingested(csv_of("x,begin,end,y", rows))
    spec = PreprocessingSpec(
        numeric=NumericSpec(encoding="piecewise_linear", bins=4),
        datetime=DatetimeSpec(parts=("month",), cyclic=True, differences=True),
    )
    plan = resolve(ModelWish(target="y", network="linear"), data.profile)
    end = trained_plan(data.table, replace(plan, preprocessing=spec))
    found = reported(end)
    names = {column["column"] for column in found["importance"]["columns"]}
    assert names == {"x", "begin", "end", "days from begin to end"}
    assert len(plain_inputs(end.prepared.preprocessing)) == 3
    assert "rows" in found["baselines"]["linear"]
    assert (found["coefficients"], found["intercept"]) == (None, None)
    assert found["coefficients_reason"]


def test_a_report_is_the_same_every_time() -> None:
    end = trained(ingested(PENGUINS), ModelWish(target="species", training={"epochs": 3}))
    assert reported(end) == reported(end)


def test_what_importance_may_cost_grows_with_the_training() -> None:
    prepared = trained(rare_positives(), ModelWish(target="y", training={"epochs": 1})).prepared
    short = extent_of(prepared, 20_000, 120, epochs=1)
    long = extent_of(prepared, 20_000, 120, epochs=10_000_000)
    assert short is None
    assert long is not None
    assert long.rows >= LEAST_ROWS
    assert extent_of(prepared, 2, 120, epochs=1) == (120, REPEATS)


def test_intervals_cover_the_test_rows() -> None:
    end = trained(weighted_sum(), ModelWish(target="y", network="linear", split={"test": 0.3}))
    levels = reported(end)["conformal"]["intervals"]
    assert [level["level"] for level in levels] == [0.8, 0.9, 0.95]
    for level in levels:
        # 120 test rows: three standard errors are 0.11 at most.
        assert level["test_coverage"] == pytest.approx(level["level"], abs=0.12)
        # The noise has a standard deviation of 0.1.
        assert 0.1 < level["half_width"] < 0.4


def test_rare_positives_get_thresholds_of_their_own() -> None:
    wish = ModelWish(target="y", network="linear", split={"test": 0.3, "method": "stratified"})
    found = reported(trained(rare_positives(), wish))
    points = found["thresholds"]["operating_points"]
    assert found["thresholds"]["label"] == "yes"
    at_half = found["thresholds"]["table"][9]
    assert at_half["threshold"] == 0.5
    best = points["max_balanced_accuracy"]
    assert best["threshold"] < 0.3
    assert best["validation"]["balanced_accuracy"] > at_half["balanced_accuracy"]
    assert best["test"]["recall"] > 0.6


def test_a_network_that_knows_its_rows_by_heart_overfits() -> None:
    rng = np.random.default_rng(0)
    rows = ((*rng.normal(size=5), rng.normal()) for _ in range(80))
    wish = ModelWish(target="y", training={"epochs": 400, "early_stopping": None})
    found = reported(trained(ingested(csv_of("a,b,c,d,e,y", rows)), wish))["learning"]
    assert found["verdict"] == "overfitting"
    assert found["losses"]["training"] < 0.5 < found["losses"]["validation"]


def test_one_epoch_is_too_few() -> None:
    wish = ModelWish(
        target="body_mass_g", training={"epochs": 1, "early_stopping": None, "batch_size": 64}
    )
    found = reported(trained(ingested(PENGUINS), wish))["learning"]
    assert found["verdict"] == "underfitting"
    assert found["losses"]["linear"] < found["losses"]["validation"]


def test_a_fit_that_could_not_go_on_is_good() -> None:
    end = trained(weighted_sum(), ModelWish(target="y", network="linear"))
    course = Course(
        epochs=end.state.epoch, best_epoch=end.state.best_epoch, stop_reason="max_epochs"
    )
    found = reported(end, course)["learning"]
    assert found["verdict"] == "good"
    assert found["best_epoch"] == end.state.best_epoch
    assert found["losses"]["constant"] == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize(("anneals", "verdict"), [(False, "underfitting"), (True, "good")])
def test_the_last_epoch_as_the_best_is_too_early_an_end(anneals: bool, verdict: str) -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=300)
    rows = zip(x, x + rng.normal(size=300), strict=True)
    end = trained(ingested(csv_of("x,y", rows)), ModelWish(target="y", network="linear"))
    course = Course(epochs=10, best_epoch=10, stop_reason="max_epochs", anneals=anneals)
    assert reported(end, course)["learning"]["verdict"] == verdict
