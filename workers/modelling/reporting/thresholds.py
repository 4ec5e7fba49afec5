"""Where to draw the line between two classes, which need not be at one half."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.modelling.reporting.classes import scores
from workers.modelling.reporting.curves import Ranking

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_GRID = tuple(step / 20 for step in range(1, 20))

NO_CHOICE = "A threshold is chosen on validation rows of both classes, and there are none."


class SecondClass:
    """Truth (N,) and probability (N,) of the second of two classes on some rows."""

    def __init__(self, truth: NDArray[np.intp], probability: Numbers) -> None:
        self.is_second = truth == 1
        self.probability = probability

    def at(self, threshold: float) -> dict[str, Any]:
        """What comes of answering the second class where its probability reaches the threshold."""
        said = self.probability >= threshold
        hits = int(np.count_nonzero(said & self.is_second))
        n_said, n_true = int(np.count_nonzero(said)), int(np.count_nonzero(self.is_second))
        n, n_other = len(said), len(said) - n_true
        refused = n_other - (n_said - hits)
        recalls = [hits / n_true] if n_true else []
        recalls += [refused / n_other] if n_other else []
        return {
            "threshold": threshold,
            "predicted": n_said,
            "accuracy": (hits + refused) / n,
            "balanced_accuracy": sum(recalls) / len(recalls),
            **scores(hits, n_said, n_true),
        }


def thresholds_of(
    label: str, validation: SecondClass | None, test: SecondClass | None
) -> dict[str, Any]:
    """A table over thresholds and two operating points.

    Each operating point is the threshold, among the probabilities that validation rows have, of the
    largest F1 or balanced accuracy on them, the highest of equals; its figures on test rows are
    those of a choice made without them.
    """
    if validation is None or len(set(validation.is_second.tolist())) < 2:
        return {"reason": NO_CHOICE}
    ranking = Ranking(validation.is_second, validation.probability)
    chosen = {
        f"max_{name}": float(ranking.thresholds[int(np.argmax(measure(ranking)))])
        for name, measure in _MEASURES.items()
    }
    return {
        "label": label,
        "table": [validation.at(threshold) for threshold in _GRID],
        "operating_points": {
            name: {
                "threshold": threshold,
                "validation": validation.at(threshold),
                "test": None if test is None else test.at(threshold),
            }
            for name, threshold in chosen.items()
        },
    }


def _f1(ranking: Ranking) -> Numbers:
    found: Numbers = 2 * ranking.hits / (ranking.hits + ranking.false_alarms + ranking.n_positive)
    return found


def _balanced_accuracy(ranking: Ranking) -> Numbers:
    recall = ranking.hits / ranking.n_positive
    found: Numbers = (recall + 1.0 - ranking.false_alarms / ranking.n_negative) / 2.0
    return found


_MEASURES: dict[str, Callable[[Ranking], Numbers]] = {
    "f1": _f1,
    "balanced_accuracy": _balanced_accuracy,
}
