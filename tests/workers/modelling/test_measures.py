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
    assert measures.accuracy(truth, predicted) == pytest.approx(
        metrics.accuracy_score(truth, predicted), rel=1e-15
    )
    assert measures.balanced_accuracy(matrix) == pytest.approx(
        metrics.balanced_accuracy_score(truth, predicted), rel=1e-14
    )


@given(pairs=NUMBERS)
def test_errors_of_numbers_are_scikit_learns(pairs: list[tuple[float, float]]) -> None:
    truth, values = np.array(pairs).T
    errors = measures.regression_errors(truth, values)
    assert errors["rmse"] == pytest.approx(metrics.root_mean_squared_error(truth, values))
    assert errors["mae"] == pytest.approx(metrics.mean_absolute_error(truth, values))
    if truth.var() > 1e-6:
        assert errors["r2"] == pytest.approx(metrics.r2_score(truth, values))


@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_errors_scale_with_the_numbers_to_any_size(unit: float) -> None:
    truth, values = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    expected = measures.regression_errors(truth, values)
    found = measures.regression_errors(truth * unit, values * unit)
    assert found["r2"] == pytest.approx(expected["r2"], rel=1e-14)
    for name in ("rmse", "mae"):
        assert (found[name] or 0.0) / unit == pytest.approx(expected[name], rel=1e-14)


def test_a_truth_that_does_not_vary_leaves_nothing_to_explain() -> None:
    assert measures.regression_errors(np.array([2.0, 2.0]), np.array([1.0, 3.0]))["r2"] is None


def test_a_class_held_impossible_costs_much_and_not_infinitely_much() -> None:
    probabilities = np.array([[1.0, 0.0], [0.5, 0.5]])
    cost = measures.log_loss(np.array([1, 0]), probabilities)
    assert cost == pytest.approx((-np.log(2**-23) + np.log(2)) / 2, rel=1e-15)
