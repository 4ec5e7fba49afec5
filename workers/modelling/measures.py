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


def regression_errors(truth: Numbers, values: Numbers) -> dict[str, Numbers]:
    """r2, rmse and mae, each (T,), of values (N, T) against the truth (N, T), in its units.

    r2 is NaN where the truth has no variance to explain. Overflow gives infinity or NaN.
    """
    unit = _units(truth, values)
    with np.errstate(all="ignore"):
        residuals = (truth - values) / unit
        mean_square = (residuals**2).mean(axis=0)
        variance = (truth / unit).var(axis=0)
        r2 = 1.0 - mean_square / np.where(variance > 0.0, variance, np.nan)
        absolute = np.abs(residuals).mean(axis=0)
    return {"r2": r2, "rmse": np.sqrt(mean_square) * unit, "mae": absolute * unit}


def residual_quantiles(truth: Numbers, values: Numbers) -> dict[str, float]:
    """Quantiles of truth (N,) minus value (N,), by level, interpolated linearly."""
    found = np.quantile(truth - values, QUANTILES).tolist()
    return {f"{level:g}": quantile for level, quantile in zip(QUANTILES, found, strict=True)}


def accuracy(truth: Classes, predicted: Classes) -> float:
    """The share of rows whose class was predicted."""
    return float(np.mean(truth == predicted))


def confusion_matrix(truth: Classes, predicted: Classes, n_classes: int) -> NDArray[np.intp]:
    """How often class i (row) was predicted as class j (column): (K, K)."""
    pairs = truth * n_classes + predicted
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def balanced_accuracy(truth: Classes, predicted: Classes) -> float:
    """The mean recall of the classes that the truth has."""
    rows = np.bincount(truth)
    hits = np.bincount(truth[truth == predicted], minlength=len(rows))
    there = rows > 0
    return float(np.mean(hits[there] / rows[there]))


def log_loss(truth: Classes, probabilities: Numbers) -> float:
    """Mean cross-entropy of the probabilities (N, K) in nats."""
    of_truth = probabilities[np.arange(len(truth)), truth]
    return float(-np.mean(np.log(np.maximum(of_truth, _LEAST_PROBABILITY))))


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


def _units(truth: Numbers, values: Numbers) -> Numbers:
    """What to divide the numbers of each target by, whose squares would leave float64; else 1."""
    largest = np.maximum(np.abs(truth).max(axis=0), np.abs(values).max(axis=0))
    fits = (largest == 0.0) | ((largest > 1e-100) & (largest < 1e100))
    return np.where(fits, 1.0, largest)
