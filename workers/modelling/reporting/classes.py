"""How good a classifier is for each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def class_table(labels: tuple[str, ...], matrix: NDArray[np.intp]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support by class, from the confusion matrix (K, K).

    None where there is nothing to divide by: no row was predicted as the class, or none is of it.
    """
    hits = matrix.diagonal().tolist()
    support = matrix.sum(axis=1).tolist()
    predicted = matrix.sum(axis=0).tolist()
    return [
        {"label": label, **scores(hit, n_predicted, n_true), "support": n_true}
        for label, hit, n_predicted, n_true in zip(labels, hits, predicted, support, strict=True)
    ]


def scores(hits: int, n_predicted: int, n_true: int) -> dict[str, float | None]:
    """Precision, recall and F1 = 2 hits / (predicted + true)."""
    return {
        "precision": _share(hits, n_predicted),
        "recall": _share(hits, n_true),
        "f1": _share(2 * hits, n_predicted + n_true),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
