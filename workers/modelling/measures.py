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


def regression_errors(truth: Numbers, values: Numbers) -> dict[str, float | None]:
    """r2, rmse and mae of values (N,) against the truth (N,), in the target's units.

    r2 is None where the truth has no variance to explain. Overflow gives infinity or NaN.
    """
    unit = _unit(truth, values)
    with np.errstate(invalid="ignore"):
        residuals = (truth - values) / unit
        mean_square = float(np.mean(residuals**2))
    variance = float(np.var(truth / unit))
    return {
        "r2": 1.0 - mean_square / variance if variance > 0.0 else None,
        "rmse": float(np.sqrt(mean_square)) * unit,
        "mae": float(np.mean(np.abs(residuals))) * unit,
    }


def residual_quantiles(truth: Numbers, values: Numbers) -> dict[str, float]:
    """Quantiles of truth minus value, by level, interpolated linearly."""
    found = np.quantile(truth - values, QUANTILES).tolist()
    return {f"{level:g}": quantile for level, quantile in zip(QUANTILES, found, strict=True)}


def accuracy(truth: Classes, predicted: Classes) -> float:
    """The share of rows whose class was predicted."""
    return float(np.mean(truth == predicted))


def confusion_matrix(truth: Classes, predicted: Classes, n_classes: int) -> NDArray[np.intp]:
    """How often class i (row) was predicted as class j (column): (K, K)."""
    pairs = truth * n_classes + predicted
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def balanced_accuracy(matrix: NDArray[np.intp]) -> float:
    """The mean recall of the classes that the truth has, from a confusion matrix."""
    rows = matrix.sum(axis=1)
    there = rows > 0
    return float(np.mean(matrix.diagonal()[there] / rows[there]))


def log_loss(truth: Classes, probabilities: Numbers) -> float:
    """Mean cross-entropy of the probabilities (N, K) in nats."""
    of_truth = probabilities[np.arange(len(truth)), truth]
    return float(-np.mean(np.log(np.maximum(of_truth, _LEAST_PROBABILITY))))


def _unit(truth: Numbers, values: Numbers) -> float:
    """What to divide numbers by whose squares would leave the range of float64; else 1."""
    largest = float(max(np.abs(truth).max(), np.abs(values).max()))
    return 1.0 if largest == 0.0 or 1e-100 < largest < 1e100 else largest
