"""Whether what is said to happen with probability p happens p of the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.modelling.targets import ClassTarget

    Numbers = NDArray[np.float64]

_BINS = 10
_LEAST_ROWS = 10


def calibration_of(
    target: ClassTarget, truth: NDArray[np.intp], probabilities: Numbers
) -> dict[str, Any]:
    """Bins of about equally many rows, by probability, and the expected calibration error.

    Of two classes the probability of the second, of more that of the class that was predicted (Guo
    et al. 2017), `of` being None. The error is the mean distance of a bin's mean probability from
    its frequency, every row counting alike. Ten bins, fewer where they would have under 10 rows;
    rows of equal probability are never parted.
    """
    if len(target.labels) == 2:
        of, said, happened = target.labels[1], probabilities[:, 1], truth == 1
    else:
        best = probabilities.argmax(axis=1)
        of, said, happened = None, probabilities.max(axis=1), truth == best
    n_bins = min(max(len(truth) // _LEAST_ROWS, 1), _BINS)
    edges = np.quantile(said, np.linspace(0.0, 1.0, n_bins + 1)[1:-1])
    places = np.searchsorted(edges, said)
    count = np.bincount(places, minlength=n_bins)
    there = count > 0
    count = count[there]
    mean = np.bincount(places, said, n_bins)[there] / count
    frequency = np.bincount(places, happened, n_bins)[there] / count
    error = float(count @ np.abs(mean - frequency)) / len(truth)
    bins = zip(mean.tolist(), frequency.tolist(), count.tolist(), strict=True)
    return {
        "of": of,
        "bins": [{"probability": p, "frequency": f, "count": n} for p, f, n in bins],
        "expected_calibration_error": error,
    }


def brier(truth: NDArray[np.intp], probabilities: Numbers) -> float:
    """Brier (1950): the mean squared distance of the probabilities from what happened.

    Of two classes that of the second's probability alone; of more summed over the classes.
    """
    if probabilities.shape[1] == 2:
        return float(np.mean((probabilities[:, 1] - truth) ** 2))
    of_truth = probabilities[np.arange(len(truth)), truth]
    # Sum of p^2, and at the truth (1 - p)^2 in place of p^2.
    return float(np.mean((probabilities**2).sum(axis=1) + 1.0 - 2.0 * of_truth))
