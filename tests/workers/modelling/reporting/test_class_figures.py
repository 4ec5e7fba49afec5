"""Tables, curves and calibration of classifiers are scikit-learn's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from workers.modelling.measures import confusion_matrix
from workers.modelling.reporting.calibration import brier, calibration_of
from workers.modelling.reporting.classes import class_table
from workers.modelling.reporting.curves import POINTS, Ranking, average_precision, curves_of
from workers.modelling.reporting.thresholds import SecondClass, thresholds_of
from workers.modelling.targets import ClassTarget

LABELS = ("a", "b", "c")


def classified(
    n: int, n_classes: int, seed: int, decimals: int = 6
) -> tuple[np.ndarray, np.ndarray]:
    """Truth (n,) and probabilities (n, K) that know something of it; few decimals make ties."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n)
    scores = rng.normal(size=(n, n_classes)) + 1.5 * np.eye(n_classes)[truth]
    probabilities = np.round(np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True), decimals)
    probabilities[:, -1] = 1.0 - probabilities[:, :-1].sum(axis=1)
    return truth, probabilities


@pytest.mark.parametrize("decimals", [1, 6])
def test_the_points_of_short_curves_are_all_of_scikit_learns(decimals: int) -> None:
    truth, probabilities = classified(60, 2, 0, decimals)
    (curve,) = curves_of(("no", "yes"), truth, probabilities)
    fpr, tpr, thresholds = metrics.roc_curve(truth, probabilities[:, 1], drop_intermediate=False)
    assert curve["label"] == "yes"
    assert curve["roc"]["thresholds"][0] is None
    assert curve["roc"]["thresholds"][1:] == thresholds[1:].tolist()
    np.testing.assert_allclose(curve["roc"]["false_positive_rate"], fpr, atol=1e-6)
    np.testing.assert_allclose(curve["roc"]["true_positive_rate"], tpr, atol=1e-6)
    precision, recall, _ = metrics.precision_recall_curve(truth, probabilities[:, 1])
    np.testing.assert_allclose(curve["precision_recall"]["precision"], precision[::-1], atol=1e-6)
    np.testing.assert_allclose(curve["precision_recall"]["recall"], recall[::-1], atol=1e-6)


def test_a_thinned_curve_keeps_its_ends_and_its_area() -> None:
    truth, probabilities = classified(5000, 2, 1)
    (curve,) = curves_of(("no", "yes"), truth, probabilities)
    fpr, tpr = (curve["roc"][name] for name in ("false_positive_rate", "true_positive_rate"))
    assert len(fpr) <= POINTS
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0.0, 0.0, 1.0, 1.0)
    area = metrics.roc_auc_score(truth, probabilities[:, 1])
    assert metrics.auc(fpr, tpr) == pytest.approx(area, abs=1e-3)
    pr = curve["precision_recall"]
    assert (pr["recall"][0], pr["recall"][-1]) == (0.0, 1.0)
    assert len(pr["recall"]) <= POINTS
    assert len(pr["recall"]) == len(pr["precision"]) == len(pr["thresholds"])


def test_of_several_classes_each_has_a_curve_against_the_rest() -> None:
    truth, probabilities = classified(400, 3, 2)
    curves = {curve["label"]: curve["roc"] for curve in curves_of(LABELS, truth, probabilities)}
    assert set(curves) == set(LABELS)
    for k, label in enumerate(LABELS):
        area = metrics.auc(
            curves[label]["false_positive_rate"], curves[label]["true_positive_rate"]
        )
        assert area == pytest.approx(
            metrics.roc_auc_score(truth == k, probabilities[:, k]), abs=2e-3
        )


def test_a_class_that_no_row_has_draws_no_curve() -> None:
    truth, probabilities = classified(100, 3, 3)
    truth[truth == 2] = 1
    assert [curve["label"] for curve in curves_of(LABELS, truth, probabilities)] == ["a", "b"]
    assert curves_of(("a", "b"), np.zeros(5, np.intp), np.full((5, 2), 0.5)) == []


@pytest.mark.parametrize("decimals", [1, 6])
def test_average_precision_is_scikit_learns(decimals: int) -> None:
    truth, probabilities = classified(300, 2, 4, decimals)
    found = average_precision(truth == 1, probabilities[:, 1])
    expected = metrics.average_precision_score(truth, probabilities[:, 1])
    assert found == pytest.approx(expected, rel=1e-12)
    assert average_precision(np.zeros(3, bool), np.ones(3)) is None


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_brier_score_is_scikit_learns(n_classes: int) -> None:
    truth, probabilities = classified(200, n_classes, 5)
    said = probabilities[:, 1] if n_classes == 2 else probabilities
    expected = metrics.brier_score_loss(truth, said)
    assert brier(truth, probabilities) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("decimals", [1, 6])
def test_the_bins_of_a_calibration_are_scikit_learns(decimals: int) -> None:
    truth, probabilities = classified(1000, 2, 6, decimals)
    found = calibration_of(ClassTarget(("no", "yes")), truth, probabilities)
    frequency, said = calibration_curve(truth, probabilities[:, 1], n_bins=10, strategy="quantile")
    assert found["of"] == "yes"
    assert [b["frequency"] for b in found["bins"]] == pytest.approx(frequency.tolist(), rel=1e-12)
    assert [b["probability"] for b in found["bins"]] == pytest.approx(said.tolist(), rel=1e-12)
    assert sum(b["count"] for b in found["bins"]) == 1000
    by_hand = sum(b["count"] / 1000 * abs(b["probability"] - b["frequency"]) for b in found["bins"])
    assert found["expected_calibration_error"] == pytest.approx(by_hand, rel=1e-12)


def test_of_several_classes_the_predicted_one_is_calibrated() -> None:
    truth, probabilities = classified(95, 3, 7)
    found = calibration_of(ClassTarget(LABELS), truth, probabilities)
    hits = truth == probabilities.argmax(axis=1)
    frequency, said = calibration_curve(
        hits, probabilities.max(axis=1), n_bins=9, strategy="quantile"
    )
    assert found["of"] is None
    assert [b["frequency"] for b in found["bins"]] == pytest.approx(frequency.tolist())
    assert [b["probability"] for b in found["bins"]] == pytest.approx(said.tolist())


def test_the_table_of_classes_is_scikit_learns() -> None:
    truth, probabilities = classified(120, 3, 8)
    predicted = probabilities.argmax(axis=1)
    predicted[predicted == 2] = 0
    table = class_table(LABELS, confusion_matrix(truth, predicted, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = metrics.precision_recall_fscore_support(
            truth, predicted, labels=[0, 1, 2], zero_division=np.nan
        )
    for name, column in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        found = [np.nan if row[name] is None else row[name] for row in table]
        np.testing.assert_allclose(found, column, rtol=1e-12)
    assert table[2]["precision"] is None


def test_operating_points_are_the_best_of_all_thresholds() -> None:
    truth, probabilities = classified(150, 2, 9)
    truth[np.random.default_rng(0).random(150) < 0.5] = 0
    test_truth, test_probabilities = classified(80, 2, 10)
    validation = SecondClass(truth, probabilities[:, 1])
    found = thresholds_of("yes", validation, SecondClass(test_truth, test_probabilities[:, 1]))
    scorers = {
        "f1": metrics.f1_score,
        "balanced_accuracy": metrics.balanced_accuracy_score,
    }
    for name, score in scorers.items():
        point = found["operating_points"][f"max_{name}"]
        best = max(score(truth, probabilities[:, 1] >= t) for t in probabilities[:, 1])
        assert point["validation"][name] == pytest.approx(best, rel=1e-12)
        on_test = score(test_truth, test_probabilities[:, 1] >= point["threshold"])
        assert point["test"][name] == pytest.approx(on_test, rel=1e-12)
    for row in found["table"]:
        said = probabilities[:, 1] >= row["threshold"]
        assert row["predicted"] == said.sum()
        assert row["accuracy"] == pytest.approx(metrics.accuracy_score(truth, said))
        if said.any():
            assert row["precision"] == pytest.approx(metrics.precision_score(truth, said))


def test_validation_rows_of_one_class_choose_no_threshold() -> None:
    alike = SecondClass(np.zeros(4, np.intp), np.linspace(0.1, 0.4, 4))
    assert "reason" in thresholds_of("yes", alike, None)
    assert "reason" in thresholds_of("yes", None, alike)


def test_rows_of_equal_score_fall_together() -> None:
    ranking = Ranking(np.array([True, False, True]), np.array([0.5, 0.5, 0.9]))
    assert ranking.thresholds.tolist() == [0.9, 0.5]
    assert ranking.hits.tolist() == [1, 2]
    assert ranking.false_alarms.tolist() == [0, 1]
