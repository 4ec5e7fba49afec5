"""Which rows train and which judge, and how good a model is on those that judge."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from benchmarks.accuracy_peers import PEERS, cells_of
from benchmarks.accuracy_slope import Trained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from benchmarks.accuracy_tables import Table
    from workers.modelling.plan import Recipe

    Rows = NDArray[np.intp]

FOLDED_BELOW = 2_000
N_FOLDS = 5

Fit = Callable[["Table", "Table"], tuple[Any, float]]
"""Trains on the one table, answers the other; the answers and the CPU time of the fit."""


@dataclass(frozen=True)
class Score:
    """Accuracy, or R2 (the mean of those of several targets), and CPU seconds of the fit.

    Means over the folds; `spread` is the standard deviation of the folds' scores, 0 of one split.
    """

    value: float
    cpu_s: float
    spread: float


def score(table: Table, fit: Fit) -> Score:
    """How good a model is on rows that it has not seen."""
    values, times = [], []
    for training, judging in divisions(table):
        truth = judging.truth()
        answers, cpu_s = fit(training, judging)
        values.append(r2_score(truth, answers) if table.is_regression else _share(truth, answers))
        times.append(cpu_s)
    return Score(statistics.fmean(values), statistics.fmean(times), statistics.pstdev(values))


def divisions(table: Table) -> Iterator[tuple[Table, Table]]:
    """The rows that train and those that judge: one split, or folds where rows are few."""
    rows = np.arange(len(table.rows))
    labels = None if table.is_regression else table.truth()
    if len(rows) >= FOLDED_BELOW:
        yield tuple(table.of(part) for part in _split(rows, labels))  # type: ignore[misc]
        return
    folds = KFold if labels is None else StratifiedKFold
    for training, judging in folds(N_FOLDS, shuffle=True, random_state=0).split(rows, labels):
        yield table.of(training), table.of(judging)


def training_rows(table: Table) -> Table:
    """What is left where no row that judges may be looked at, for choosing a recipe's numbers."""
    labels = None if table.is_regression else table.truth()
    return table.of(_split(np.arange(len(table.rows)), labels)[0])


def ours(recipe: Recipe, seed: int) -> Fit:
    """One of our recipes."""

    def fit(training: Table, judging: Table) -> tuple[Any, float]:
        model = Trained(training, recipe, seed)
        return model.answers(judging), model.cpu_s

    return fit


def peers(name: str) -> Fit:
    """One of scikit-learn's models, by the name that it has in `PEERS`."""

    def fit(training: Table, judging: Table) -> tuple[Any, float]:
        model, X, y = PEERS[name](training), cells_of(training), training.truth()
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        before_s = time.process_time()
        with warnings.catch_warnings():
            # That it did not converge within its default epochs is what its default does.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y)
        cpu_s = time.process_time() - before_s
        return model.predict(cells_of(judging)), cpu_s

    return fit


def _split(rows: Rows, labels: NDArray[Any] | None) -> tuple[Rows, Rows]:
    training, judging = train_test_split(rows, test_size=0.2, random_state=0, stratify=labels)
    return training, judging


def _share(truth: NDArray[Any], answers: NDArray[Any]) -> float:
    return float(accuracy_score(truth, answers))
