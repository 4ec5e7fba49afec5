"""Intervals and sets that hold the truth as often as they say (Vovk, Gammerman, Shafer 2005).

Split-conformal: with scores of n calibration rows that are exchangeable with the next row, the
ceil((n + 1) level)-th smallest score is exceeded by that of the next row with probability 1 - level
at most. Intervals score by the absolute residual (Lei et al. 2018), sets by one minus the
probability of the true class (Sadinle, Lei, Wasserman 2019).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LEVELS = (0.8, 0.9, 0.95)

NO_ROWS = "Without validation rows there is nothing to calibrate on."
UNTOUCHED = "Calibrated on the validation rows, which decided nothing else."
CHOSEN = (
    "Calibrated on the validation rows, which also chose the epoch whose weights are kept: a "
    "little optimistic. The coverage on test rows is not."
)


def intervals(
    validation: tuple[Numbers, Numbers], test: tuple[Numbers, Numbers] | None
) -> list[dict[str, Any]]:
    """By level the half width of value +- half_width; truth (N,) and values (N,) of both parts."""
    residuals = _distance(*validation)
    on_test = None if test is None else _distance(*test)
    return [_interval(level, quantile(residuals, level), on_test) for level in LEVELS]


def _interval(level: float, half_width: float | None, on_test: Numbers | None) -> dict[str, Any]:
    coverage = None
    if half_width is not None and on_test is not None:
        coverage = float(np.mean(on_test <= half_width))
    return {"level": level, "half_width": half_width, "test_coverage": coverage}


def sets(
    validation: tuple[NDArray[np.intp], Numbers], test: tuple[NDArray[np.intp], Numbers] | None
) -> list[dict[str, Any]]:
    """By level the threshold: a set is of the classes whose probability reaches it.

    Of both parts the truth (N,) and the probabilities (N, K).
    """
    scores = 1.0 - _of_truth(*validation)
    return [_sets(level, quantile(scores, level), test) for level in LEVELS]


def _sets(
    level: float, score: float | None, test: tuple[NDArray[np.intp], Numbers] | None
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "level": level,
        "threshold": None if score is None else 1.0 - score,
        "test_coverage": None,
        "mean_size": None,
        "empty": None,
    }
    if score is None or test is None:
        return found
    truth, probabilities = test
    # As the scores were computed, so that a tie is one here too.
    sizes = np.count_nonzero(1.0 - probabilities <= score, axis=1)
    return found | {
        "test_coverage": float(np.mean(1.0 - _of_truth(truth, probabilities) <= score)),
        "mean_size": float(sizes.mean()),
        "empty": float(np.mean(sizes == 0)),
    }


def quantile(scores: Numbers, level: float) -> float | None:
    """The ceil((n + 1) level)-th smallest score; None where so few rows cannot give it."""
    # 11 * 0.9 is more than 9.9 in binary, and 10 * 0.8 may be more than 8.
    rank = math.ceil(round((len(scores) + 1) * level, 9))
    if rank > len(scores):
        return None
    found = float(np.partition(scores, rank - 1)[rank - 1])
    return found if math.isfinite(found) else None


def _distance(truth: Numbers, values: Numbers) -> Numbers:
    with np.errstate(all="ignore"):
        distance: Numbers = np.nan_to_num(np.abs(truth - values), nan=math.inf, posinf=math.inf)
    return distance


def _of_truth(truth: NDArray[np.intp], probabilities: Numbers) -> Numbers:
    found: Numbers = probabilities[np.arange(len(truth)), truth]
    return found
