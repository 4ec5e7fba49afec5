from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from workers.modelling import measures

CLASSES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)
NUMBERS = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=40)


@given(pairs=CLASSES)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_counts_of_classes_are_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = np.array(pairs).T
    matrix = measures.confusion_matrix(truth, predicted, 5)
    expected = metrics.confusion_matrix(truth, predicted, labels=range(5))
    assert matrix.tolist() == expected.tolist()
    accuracy, balanced = measures.Recall(truth).of(predicted)
    assert accuracy == pytest.approx(metrics.accuracy_score(truth, predicted), rel=1e-15)
    assert balanced == pytest.approx(metrics.balanced_accuracy_score(truth, predicted), rel=1e-14)


@given(pairs=NUMBERS)
def test_errors_of_numbers_are_scikit_learns(pairs: list[tuple[float, float]]) -> None:
    truth, values = np.array(pairs).T
    errors = measures.RegressionErrors(truth[:, None]).of(values[:, None])
    [rmse], [mae], [r2] = errors["rmse"], errors["mae"], errors["r2"]
    assert rmse == pytest.approx(metrics.root_mean_squared_error(truth, values))
    assert mae == pytest.approx(metrics.mean_absolute_error(truth, values))
    if truth.var() > 1e-6:
        assert r2 == pytest.approx(metrics.r2_score(truth, values))


@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_errors_scale_with_the_numbers_to_any_size(unit: float) -> None:
    truth, values = np.array([[1.0], [2.0], [4.0]]), np.array([[1.5], [2.0], [3.0]])
    expected = measures.RegressionErrors(truth).of(values)
    scaled = measures.RegressionErrors(np.hstack((truth, truth * unit)))
    found = scaled.of(np.hstack((values, values * unit)))
    np.testing.assert_allclose(found["r2"], expected["r2"][[0, 0]], rtol=1e-14)
    for name in ("rmse", "mae"):
        by_unit = found[name] / [1.0, unit]
        np.testing.assert_allclose(by_unit, expected[name][[0, 0]], rtol=1e-14)


def test_a_truth_that_does_not_vary_leaves_nothing_to_explain() -> None:
    truth, values = np.array([[2.0, 0.0], [2.0, 1.0]]), np.array([[1.0, 0.0], [3.0, 1.0]])
    r2 = measures.RegressionErrors(truth).of(values)["r2"]
    assert np.isnan(r2).tolist() == [True, False]


def test_a_class_held_impossible_costs_much_and_not_infinitely_much() -> None:
    cost = measures.log_loss(np.array([0.0, 0.5]))
    assert cost == pytest.approx((-np.log(2**-23) + np.log(2)) / 2, rel=1e-15)


SCORES = st.lists(
    st.tuples(st.integers(0, 2), *[st.integers(0, 5)] * 3), min_size=3, max_size=40
).filter(lambda rows: len({row[0] for row in rows}) == 3)


@given(rows=SCORES)
def test_the_area_under_the_curve_is_scikit_learns_also_with_ties(
    rows: list[tuple[int, ...]],
) -> None:
    truth, scores = np.array(rows)[:, 0], np.array(rows, float)[:, 1:] + 1.0
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    expected = metrics.roc_auc_score(truth, probabilities, multi_class="ovr", average="macro")
    assert measures.auc(truth, probabilities) == pytest.approx(expected, rel=1e-12)
    second = truth == 1
    pair = np.column_stack((1.0 - probabilities[:, 1], probabilities[:, 1]))
    expected = metrics.roc_auc_score(second, probabilities[:, 1])
    assert measures.auc(second.astype(int), pair) == pytest.approx(expected, rel=1e-12)


def test_of_one_class_alone_there_is_no_area() -> None:
    probabilities = np.array([[0.3, 0.7], [0.6, 0.4]])
    assert measures.auc(np.array([1, 1]), probabilities) is None


def test_a_class_that_no_row_has_says_nothing_about_the_area() -> None:
    truth = np.array([0, 0, 1])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.5, 0.4, 0.1], [0.3, 0.2, 0.5]])
    areas = [metrics.roc_auc_score(truth == k, probabilities[:, k]) for k in (0, 1)]
    assert measures.auc(truth, probabilities) == pytest.approx(np.mean(areas), rel=1e-15)


def test_values_that_overflowed_leave_quantiles_open_without_a_warning() -> None:
    values = np.array([np.inf, np.inf, 1.0, 2.0])
    found = measures.residual_quantiles(np.zeros(4), values)
    assert found["0.95"] == pytest.approx(-1.15)
    assert not np.isfinite(found["0.05"])
