"""How much each row counts: the weight of its class times that of the row itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workers.modelling.weight_checks import wrong_labels
from workers.tabular.errors import TableError
from workers.tabular.features import numbers_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from workers.engine.backend import DType
    from workers.engine.spec import TrainingSpec
    from workers.engine.tensors import Array
    from workers.modelling.targets import TargetEncoding

    Weights = NDArray[np.float64]


Part = Literal["training", "validation", "test"]


class RowWeights:
    """The weights of any rows of a table, fitted on those that train."""

    def __init__(
        self,
        table: pa.Table,
        spec: TrainingSpec,
        target: TargetEncoding,
        training_truth: NDArray[Any],
    ) -> None:
        """TableError where the weights do not go with the table's labels or cells."""
        self._name = spec.sample_weight
        self._by_row = None if spec.sample_weight is None else _column(table, spec.sample_weight)
        labels = getattr(target, "labels", None)
        self._by_class = None if labels is None else _by_class(spec, labels, training_truth)

    def of(
        self, rows: NDArray[np.intp], truth: NDArray[Any], dtype: DType, part: Part = "training"
    ) -> Array | None:
        """The weights (N,) of these rows of the table with their classes; None: all alike.

        TableError where nothing can be divided by their sum; it names the part of the split.
        """
        weights = None if self._by_class is None else self._by_class[truth]
        if self._by_row is not None:
            own = self._by_row[rows]
            weights = own if weights is None else weights * own
        if weights is None:
            return None
        with np.errstate(over="ignore"):
            found: Array = weights.astype(dtype)
            total = found.sum()
        if not 0.0 < total < np.inf:
            detail = f"the weights of the {len(rows)} {part} rows add up to {total}"
            raise TableError("weight_sum", detail, column=self._name)
        return found


def _column(table: pa.Table, name: str) -> Weights:
    if name not in table.column_names:
        raise TableError("unknown_column", "the table has no such column", column=name)
    weights = numbers_of(table[name])
    if not np.all(weights >= 0.0):
        raise TableError("negative_weight", "a weight is missing or less than 0", column=name)
    return weights


def _by_class(
    spec: TrainingSpec, labels: tuple[str, ...], training_truth: NDArray[np.intp]
) -> Weights | None:
    if spec.class_weight is None:
        return None
    if spec.class_weight == "balanced":
        # A class that no row trains would weigh infinitely much: as if it had one.
        counts = np.bincount(training_truth, minlength=len(labels))
        return len(training_truth) / (len(labels) * np.maximum(counts, 1))
    wrong = wrong_labels(spec.class_weight, labels)
    if wrong is not None:
        raise TableError("class_weight_labels", wrong)
    return np.array([spec.class_weight[label] for label in labels])
