"""What a classifier trades for what, over all thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

POINTS = 200
"""The most points that a curve is told by."""

_ALL_POINTS = 600
_LEAST_POINTS = 20
_CURVES = 20
_DECIMALS = 6


def curves_of(
    labels: tuple[str, ...], truth: NDArray[np.intp], probabilities: Numbers
) -> list[dict[str, Any]]:
    """ROC and precision-recall points (Fawcett 2006), one label against the rest.

    Of two classes those of the second; of more, of each of the 20 most frequent, where some rows
    have it and some do not. Rows count as the label whose probability reaches the threshold; a
    threshold of None is above them all. Thinned curves keep their ends.
    """
    counts = np.bincount(truth, minlength=len(labels))
    told = [1] if len(labels) == 2 else sorted(np.argsort(-counts, kind="stable")[:_CURVES])
    n_points = min(POINTS, max(_ALL_POINTS // len(told), _LEAST_POINTS))
    return [
        {"label": labels[k], **_points(Ranking(truth == k, probabilities[:, k]), n_points)}
        for k in told
        if 0 < counts[k] < len(truth)
    ]


class Ranking:
    """Rows by falling score: at each distinct score, how many so far are of which kind.

    `hits` and `false_alarms` (M,) count the rows at or above each of the `thresholds` (M,).
    """

    def __init__(self, is_positive: NDArray[np.bool], scores: Numbers) -> None:
        order = np.argsort(-scores, kind="stable")
        falling = scores[order]
        last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
        self.thresholds = falling[last]
        self.hits = np.cumsum(is_positive[order])[last]
        self.false_alarms = last + 1 - self.hits
        self.n_positive = int(self.hits[-1])
        self.n_negative = len(scores) - self.n_positive

    @property
    def precision(self) -> Numbers:
        """The share of hits among the rows at or above each threshold (M,)."""
        shares: Numbers = self.hits / (self.hits + self.false_alarms)
        return shares


def average_precision(truth: NDArray[np.bool], scores: Numbers) -> float | None:
    """The sum of (R_n - R_(n-1)) P_n over the thresholds; None without a positive row."""
    ranking = Ranking(truth, scores)
    if not ranking.n_positive:
        return None
    gained = np.diff(ranking.hits, prepend=0) / ranking.n_positive
    return float(gained @ ranking.precision)


def _points(ranking: Ranking, n_points: int) -> dict[str, Any]:
    thresholds = [None, *ranking.thresholds.tolist()]
    recall = np.append(0.0, ranking.hits / ranking.n_positive)
    fpr = np.append(0.0, ranking.false_alarms / ranking.n_negative)
    precision = np.append(1.0, ranking.precision)
    roc = _thinned(fpr, recall, n_points)
    pr = _thinned(recall, precision, n_points)
    return {
        "roc": {
            "false_positive_rate": _rounded(fpr[roc]),
            "true_positive_rate": _rounded(recall[roc]),
            "thresholds": [thresholds[place] for place in roc],
        },
        "precision_recall": {
            "precision": _rounded(precision[pr]),
            "recall": _rounded(recall[pr]),
            "thresholds": [thresholds[place] for place in pr],
        },
    }


def _thinned(x: Numbers, y: Numbers, n_points: int) -> list[int]:
    """Which points to keep: the first, the last, and others at even distances along the curve."""
    if len(x) <= n_points:
        return list(range(len(x)))
    steps = np.abs(np.diff(x)) + np.abs(np.diff(y))
    way = np.append(0.0, np.cumsum(steps))
    places = np.searchsorted(way, np.linspace(0.0, way[-1], n_points))
    places[-1] = len(x) - 1
    kept: list[int] = np.unique(places).tolist()
    return kept


def _rounded(numbers: Numbers) -> list[float]:
    rounded: list[float] = np.round(numbers, _DECIMALS).tolist()
    return rounded
