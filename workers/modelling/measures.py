"""Measures of how good answers are, by their textbook definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Classes = NDArray[np.integer[Any]]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

# A probability of 0 for what happened would cost infinitely much; outputs of float32 are no finer
# than this.
_LEAST_PROBABILITY = float(np.finfo(np.float32).eps)


class RegressionErrors:
    """r2, rmse and mae of any values for the same truth (N, T), each (T,), in its own units.

    What depends on the truth alone is computed once. r2 is NaN where the truth has no variance to
    explain. Overflow gives infinity or NaN.
    """

    def __init__(self, truth: Numbers) -> None:
        self._truth = truth
        self._variance = _variance(truth)
        largest = np.abs(truth).max(axis=0)
        self._is_squarable = bool(np.all((largest == 0.0) | _squarable(largest)))

    def of(self, values: Numbers) -> dict[str, Numbers]:
        """The errors of values (N, T)."""
        if self._is_squarable:
            return _errors(self._truth - values, self._variance)
        largest = np.maximum(np.abs(self._truth).max(axis=0), np.abs(values).max(axis=0))
        unit = np.where(_squarable(largest), 1.0, largest)
        with np.errstate(invalid="ignore"):
            residuals = (self._truth - values) / unit
        found = _errors(residuals, _variance(self._truth / unit))
        return found | {name: found[name] * unit for name in ("rmse", "mae")}


def _errors(residuals: Numbers, variance: Numbers) -> dict[str, Numbers]:
    n_rows = len(residuals)
    with np.errstate(all="ignore"):
        mean_square = np.add.reduce(residuals * residuals) / n_rows
        mae = np.add.reduce(np.abs(residuals)) / n_rows
        return {"r2": 1.0 - mean_square / variance, "rmse": np.sqrt(mean_square), "mae": mae}


def _variance(truth: Numbers) -> Numbers:
    """The variance (T,) of the truth, NaN where there is none."""
    with np.errstate(all="ignore"):
        variance = truth.var(axis=0)
    return np.where(variance > 0.0, variance, np.nan)


def _squarable(largest: Numbers) -> NDArray[np.bool]:
    """Whether the squares of numbers up to these stay within float64."""
    return (largest > 1e-100) & (largest < 1e100)


def residual_quantiles(truth: Numbers, values: Numbers) -> dict[str, float]:
    """Quantiles of truth (N,) minus value (N,), by level, interpolated linearly.

    Between infinities there is NaN.
    """
    with np.errstate(invalid="ignore"):
        found = np.quantile(truth - values, QUANTILES).tolist()
    return {f"{level:g}": quantile for level, quantile in zip(QUANTILES, found, strict=True)}


def confusion_matrix(truth: Classes, predicted: Classes, n_classes: int) -> NDArray[np.intp]:
    """How often class i (row) was predicted as class j (column): (K, K)."""
    pairs = truth * n_classes + predicted
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


class Recall:
    """Accuracy and balanced accuracy of any predictions for the same truth (N,).

    What depends on the truth alone is computed once.
    """

    def __init__(self, truth: Classes) -> None:
        self._truth = truth
        # Where the rows of each class begin that has some, once they stand in its order.
        self._order = np.argsort(truth, kind="stable")
        rows = np.bincount(truth)
        self._rows = rows[rows > 0]
        self._starts = np.cumsum(self._rows) - self._rows

    def of(self, predicted: Classes) -> tuple[float, float]:
        """The share of rows whose class was predicted, and its mean over the truth's classes."""
        hits = np.take(self._truth == predicted, self._order)
        by_class = np.add.reduceat(hits, self._starts, dtype=np.intp)
        return int(by_class.sum()) / len(hits), float(np.mean(by_class / self._rows))


def surprise(of_truth: Numbers) -> Numbers:
    """Cross-entropy in nats (N,), from the probabilities (N,) of what happened."""
    return -np.log(np.maximum(of_truth, _LEAST_PROBABILITY))


def log_loss(of_truth: Numbers) -> float:
    """Mean cross-entropy in nats, from the probabilities (N,) of what happened."""
    return float(np.add.reduce(surprise(of_truth)) / len(of_truth))


def auc(truth: Classes, probabilities: Numbers) -> float | None:
    """The chance that a row of a class outscores a row of another one, a tie counting half.

    Of two classes (K = 2) the area under the curve of the second; of more, the mean over the
    classes of the areas of each against the rest. Classes that no row has, or every row, say
    nothing; None where no class says anything.
    """
    n_classes = probabilities.shape[1]
    areas = [
        _area(probabilities[:, k], truth == k)
        for k in (range(n_classes) if n_classes > 2 else (1,))
    ]
    there = [area for area in areas if area is not None]
    return sum(there) / len(there) if there else None


def _area(scores: Numbers, is_positive: NDArray[np.bool]) -> float | None:
    """The statistic of Mann and Whitney (1947) as a share of the pairs."""
    positives, negatives = scores[is_positive], np.sort(scores[~is_positive])
    if not len(positives) or not len(negatives):
        return None
    # Twice the pairs won, each tie counting one: whole numbers, so no order of adding matters.
    below = int(np.searchsorted(negatives, positives, "left").sum())
    upto = int(np.searchsorted(negatives, positives, "right").sum())
    return (below + upto) / (2 * len(positives) * len(negatives))
