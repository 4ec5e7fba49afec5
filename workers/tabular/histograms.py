"""Histograms and most frequent values of sorted numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.tabular.profile import Histogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_BINS = 20


def histogram(ordered: NDArray[np.generic], unit: float = 1.0) -> Histogram | None:
    """The histogram of ascending int64 or float64 numbers (N,), None where there are none.

    `unit` numbers are one of the unit that the edges are in. Whole numbers have at most one bin
    for each that lies between the least and the greatest, so that no bin must stay empty.
    """
    if not len(ordered):
        return None
    low, high = float(ordered[0]), float(ordered[-1])
    n_bins = min(_MAX_BINS, int(high - low) + 1) if ordered.dtype.kind == "i" else _MAX_BINS
    edges = _edges(low, high, n_bins)
    inner = edges[1:-1]
    # Whole edges, because comparing with fractions would first copy all the numbers to float64.
    inner = np.ceil(inner).astype(np.int64) if ordered.dtype.kind == "i" else inner
    below = np.searchsorted(ordered, inner)
    counts = np.diff(below, prepend=0, append=len(ordered))
    return Histogram(tuple((edges / unit).tolist()), tuple(counts.tolist()))


def most_frequent(
    ordered: NDArray[np.generic], n: int
) -> tuple[NDArray[np.generic], NDArray[np.intp]]:
    """The `n` most frequent of ascending numbers with their counts; of equally many, the lesser."""
    starts = np.flatnonzero(np.concatenate([[len(ordered) > 0], ordered[1:] != ordered[:-1]]))
    counts = np.diff(starts, append=len(ordered))
    if len(counts) > n:
        # Sorting all the counts would take as long as sorting the column did.
        least = np.partition(counts, -n)[-n]
        more = np.flatnonzero(counts > least)
        starts_at = np.concatenate([more, np.flatnonzero(counts == least)[: n - len(more)]])
        starts, counts = starts[starts_at], counts[starts_at]
    most = np.lexsort((starts, -counts))
    return ordered[starts[most]], counts[most]


def _edges(low: float, high: float, n_bins: int) -> NDArray[np.float64]:
    """Ascending edges from `low` to `high`; two where no number lies between to part them at."""
    parts = np.linspace(0.0, 1.0, n_bins + 1)
    # Not low + parts (high - low): the difference of two finite numbers may be infinite.
    edges = low * (1.0 - parts) + high * parts
    edges[0], edges[-1] = low, high
    return edges if (np.diff(edges) > 0.0).all() else np.array([low, high])
