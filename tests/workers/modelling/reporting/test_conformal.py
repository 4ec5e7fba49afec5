"""Intervals and sets cover as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from workers.modelling.reporting.conformal import LEVELS, intervals, quantile, sets


def test_the_quantile_is_the_one_of_n_plus_1() -> None:
    scores = np.arange(1.0, 10.0)  # 9 of them: 10 * 0.9 is the ninth
    assert quantile(scores, 0.9) == 9.0
    assert quantile(scores, 0.8) == 8.0
    assert quantile(scores, 0.95) is None
    assert quantile(np.arange(1.0, 20.0), 0.95) == 19.0


@pytest.mark.parametrize("level", LEVELS)
def test_intervals_cover_new_rows_as_often_as_they_say(level: float) -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        validation, test = ((rng.standard_cauchy(60), np.zeros(60)) for _ in range(2))
        found = next(x for x in intervals(validation, test) if x["level"] == level)
        covered.append(found["test_coverage"])
    # Exactly rank / (n + 1) in expectation; the mean of 400 x 60 rows strays by 0.005 or so.
    expected = np.ceil(61 * level) / 61
    assert np.mean(covered) == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize("level", LEVELS)
def test_sets_cover_new_rows_as_often_as_they_say(level: float) -> None:
    rng = np.random.default_rng(1)
    covered, sizes = [], []
    for _ in range(300):
        parts = []
        for _ in range(2):
            probabilities = rng.dirichlet((1.0, 1.0, 0.5), size=60)
            truth = np.array([rng.choice(3, p=p) for p in probabilities])
            parts.append((truth, probabilities))
        found = next(x for x in sets(*parts) if x["level"] == level)
        covered.append(found["test_coverage"])
        sizes.append(found["mean_size"])
    assert np.mean(covered) == pytest.approx(np.ceil(61 * level) / 61, abs=0.015)
    assert 1.0 < np.mean(sizes) < 3.0


def test_a_set_has_the_classes_that_reach_the_threshold() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])
    truth = np.array([0, 1, 2, 2])
    (found, *_) = sets((truth, probabilities), (truth, probabilities))
    # Four rows: ceil(5 * 0.8) is the fourth smallest score, 1 - 0.35.
    assert found["threshold"] == pytest.approx(0.35)
    assert found["test_coverage"] == 1.0
    assert found["mean_size"] == pytest.approx((1 + 2 + 1 + 1) / 4)
    assert found["empty"] == 0.0


def test_too_few_rows_and_no_test_rows_are_said_so() -> None:
    few = (np.arange(3.0), np.zeros(3))
    assert [x["half_width"] for x in intervals(few, None)] == [None, None, None]
    enough = (np.arange(40.0), np.zeros(40))
    assert [x["test_coverage"] for x in intervals(enough, None)] == [None, None, None]


def test_a_residual_that_overflowed_is_infinitely_far() -> None:
    values = np.zeros(40)
    values[0] = np.inf
    truth = np.arange(40.0)
    assert intervals((truth, values), None)[0]["half_width"] == pytest.approx(33.0)
