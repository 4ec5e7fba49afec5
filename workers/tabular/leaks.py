"""Columns that alone tell the target almost perfectly, which few honest ones do.

Such a column is mostly a copy of the target, or was written down after it was known, and is not
there when it is to be predicted. The bars are high, so that a good feature passes below them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.tabular.features import levels_of, numbers_of, type_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.tabular.features import Column

# One column is a copy of the other by chance once in so many tables at most.
_TABLES_PER_COINCIDENCE = 1e6
_LEAST_COPIED_NUMBERS = 20
_LEAST_DIFFERENT_NUMBERS = 10

# Among fewer rows an honest feature may part the classes without a mistake, as in the irises.
_LEAST_ROWS = 200
_LEAST_BASELINE_ERRORS = 20
_MOST_ERRORS_LEFT = 0.02
_LEAST_R2 = 0.99

# Most columns are far from it, which few rows tell: a wide table is to cost little.
_FIRST_LOOK = 1_000
_HOPELESS_ERRORS_LEFT = 0.5
_HOPELESS_R2 = 0.5

_HALVING = 0x1EAC


def leak_of_classes(column: Column, classes: NDArray[np.intp], n_columns: int = 1) -> str | None:
    """How the column (N,) gives away the class numbers (N,), in words; None where it does not.

    Either its values and the classes go together one to one, too many for a coincidence among
    `n_columns` columns; or, learned from one half of the rows, the majority class of the value
    (for a number: of the nearest) leaves at most 2% of the mistakes that the most frequent class
    alone makes in the other half.
    """
    keys, is_number = _keys(column)
    if _is_one_to_one(keys, classes, n_columns):
        return "each of its values stands for one class"
    if len(keys) < _LEAST_ROWS:
        return None
    if len(keys) > _FIRST_LOOK:
        few = _spread(len(keys))
        n_errors, n_baseline, _ = _class_errors(keys[few], classes[few], is_number=is_number)
        if n_errors > max(_HOPELESS_ERRORS_LEFT * n_baseline, _LEAST_BASELINE_ERRORS):
            return None
    n_errors, n_baseline, n_judged = _class_errors(keys, classes, is_number=is_number)
    if n_baseline < _LEAST_BASELINE_ERRORS or n_errors > _MOST_ERRORS_LEFT * n_baseline:
        return None
    return f"it alone tells the class of {n_judged - n_errors} of {n_judged} rows held back"


def leak_of_numbers(column: Column, target: NDArray[np.float64]) -> str | None:
    """How the column (N,) gives away the target's numbers (N,), in words; None where it does not.

    Either it is the target in other units; or, learned from one half of the rows, the mean target
    of the value (for a number: of the nearest) has an R2 of at least 0.99 in the other half, both
    for the numbers and for their ranks, which no outlier rules.
    """
    keys, is_number = _keys(column)
    if is_number and _is_linear(keys, target):
        return "it is the target in other units"
    if len(keys) < _LEAST_ROWS:
        return None
    if len(keys) > _FIRST_LOOK:
        few = _spread(len(keys))
        if _worst_r2(keys[few], target[few], is_number=is_number)[0] < _HOPELESS_R2:
            return None
    worst, n_judged = _worst_r2(keys, target, is_number=is_number)
    if worst < _LEAST_R2:
        return None
    return f"it alone tells the target of {n_judged} rows held back with an R2 of {worst:.4f}"


def _keys(column: Column) -> tuple[NDArray[Any], bool]:
    """The cells (N,) as numbers, equal where the cells are, and whether their order means much."""
    if type_of(column) == "categorical":
        return levels_of(column)[1], False
    return numbers_of(column), True


def _worst_r2(
    keys: NDArray[Any], target: NDArray[np.float64], *, is_number: bool
) -> tuple[float, int]:
    """The lower R2, for the numbers or their ranks, of the values' means, and of how many rows."""
    learn, judge = _halves(len(keys))
    values, places = np.unique(keys[learn], return_inverse=True)
    matches = _matches(values, keys[judge], is_number)
    is_known = np.ones(len(judge), bool) if is_number else np.isin(keys[judge], values)
    worst = 1.0
    for wanted in (target, _ranks(target)):
        wanted = wanted / (np.abs(wanted).max() or 1.0)  # the squares stay finite
        means = np.bincount(places, wanted[learn]) / np.bincount(places)
        told = np.where(is_known, means[matches], wanted[learn].mean())
        worst = min(worst, _r2(wanted[judge], told))
    return worst, len(judge)


def _class_errors(
    keys: NDArray[Any], classes: NDArray[np.intp], *, is_number: bool
) -> tuple[int, int, int]:
    """Mistakes of the values' majorities and of the most frequent class alone, of how many rows."""
    learn, judge = _halves(len(keys))
    values, places = np.unique(keys[learn], return_inverse=True)
    constant = int(np.bincount(classes[learn]).argmax())
    told = _majorities(places, classes[learn])[_matches(values, keys[judge], is_number)]
    told = told if is_number else np.where(np.isin(keys[judge], values), told, constant)
    n_errors = int(np.count_nonzero(told != classes[judge]))
    return n_errors, int(np.count_nonzero(classes[judge] != constant)), len(judge)


def _spread(n: int) -> slice:
    # A table may be sorted: its first rows would be of one class, or of a narrow range.
    return slice(None, None, max(1, n // _FIRST_LOOK))


def _halves(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    # Kept for the first look alone: that of every column is at as many rows.
    return _few_halves(n) if n <= 2 * _FIRST_LOOK else _drawn_halves(n)


def _drawn_halves(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows = np.random.Generator(np.random.Philox(_HALVING)).permutation(n)
    return rows[: n // 2], rows[n // 2 :]


_few_halves = lru_cache(maxsize=2)(_drawn_halves)


def _is_one_to_one(keys: NDArray[Any], classes: NDArray[np.intp], n_columns: int) -> bool:
    if len(np.unique(keys[_spread(len(keys))])) > int(classes.max(initial=0)) + 1:
        return False
    counts = np.bincount(classes)
    counts = counts[counts > 0]
    places = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    n_values = int(places.max(initial=-1)) + 1
    if n_values != len(counts) or n_values < 2:
        return False
    if len(np.unique(places * (int(classes.max()) + 1) + classes)) != n_values:
        return False
    # As many columns have these counts of values; by chance each of them is as likely.
    log_columns = math.lgamma(len(classes) + 1) - sum(math.lgamma(n + 1) for n in counts.tolist())
    return log_columns > math.log(_TABLES_PER_COINCIDENCE * n_columns)


def _is_linear(keys: NDArray[np.float64], target: NDArray[np.float64]) -> bool:
    there = ~np.isnan(keys)
    x, y = keys[there], target[there]
    if len(x) < max(_LEAST_COPIED_NUMBERS, len(keys) // 2):
        return False
    ranks = _ranks(x)
    if ranks.max() < _LEAST_DIFFERENT_NUMBERS:
        return False
    # Not the ranks alone, which are those of any rising curve; not the numbers alone, whose
    # correlation a single outlier makes perfect.
    return _correlation(x, y) > 1.0 - 1e-9 and _correlation(ranks, _ranks(y)) > 1.0 - 1e-3


def _ranks(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The place of each number among the different ones."""
    return np.unique(numbers, return_inverse=True)[1].astype(np.float64)


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Pearson's, without its sign."""
    x, y = x / (np.abs(x).max() or 1.0), y / (np.abs(y).max() or 1.0)
    x, y = x - x.mean(), y - y.mean()
    spread = math.sqrt(float(x @ x) * float(y @ y))
    return abs(float(x @ y)) / spread if spread > 0.0 else 0.0


def _matches(values: NDArray[Any], keys: NDArray[Any], is_number: bool) -> NDArray[np.intp]:
    """The place of each key, or of the nearest, among the ascending values.

    Missing numbers are NaN, which sorts last, and match one another.
    """
    if not is_number:
        return np.minimum(np.searchsorted(values, keys), len(values) - 1)
    middles = values[:-1] / 2 + values[1:] / 2
    # In ascending order each search begins where the last ended: twice as fast, sorting and all.
    order = np.argsort(keys)
    matches = np.empty(len(keys), np.intp)
    matches[order] = np.searchsorted(middles, keys[order], side="right")
    return matches


def _majorities(places: NDArray[np.intp], classes: NDArray[np.intp]) -> NDArray[np.intp]:
    """The most frequent class at each place; of equally frequent ones, one of them."""
    if int(places.max()) + 1 == len(places):
        # Numbers that do not repeat: most columns of measurements, and nothing is to be counted.
        alone = np.empty(len(places), np.intp)
        alone[places] = classes
        return alone
    n_classes = int(classes.max()) + 1
    pairs, counts = np.unique(places * n_classes + classes, return_counts=True)
    by_count = pairs[np.lexsort((counts, pairs // n_classes))]
    is_last = np.append(np.diff(by_count // n_classes) > 0, True)
    most: NDArray[np.intp] = by_count[is_last] % n_classes
    return most


def _r2(truth: NDArray[np.float64], told: NDArray[np.float64]) -> float:
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1.0 - float(((truth - told) ** 2).sum()) / spread if spread > 0.0 else -math.inf
