"""A trained model: from cells to predictions, the same bits for the same row in any company."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workers.engine.forward import ForwardPass
from workers.engine.network import Network
from workers.engine.spec import NetworkSpec
from workers.engine.tensors import Array
from workers.modelling.plan import TargetNames, Task, names_of
from workers.modelling.targets import ClassTarget, NumberTarget, TargetEncoding
from workers.tabular.cell_rules import cell_rules
from workers.tabular.cell_warnings import CellWarning, CellWarnings
from workers.tabular.encoders import FeatureType
from workers.tabular.prediction_input import InputReader, PredictionInputError
from workers.tabular.preprocessing import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from workers.tabular.features import Features

__all__ = [
    "Feature",
    "FittedModel",
    "NonFiniteOutputError",
    "PredictionInputError",
    "Predictions",
]


class NonFiniteOutputError(Exception):
    """The model's answer for a row (from 0) is not a finite number."""

    def __init__(self, row: int) -> None:
        super().__init__(f"the output for row {row} is not finite")
        self.row = row


@dataclass(frozen=True)
class Feature:
    """A column that the model reads."""

    name: str
    type: FeatureType


@dataclass(frozen=True)
class Predictions:
    """The answers for N rows, in their order.

    A regression has `values` (N,) in the data's own units, or (N, T) for its several `targets`. A
    classification has `classes`, the labels in the order of the columns of `probabilities` (N, K),
    and `labels`, each row's most probable class (the first of equals).
    """

    warnings: tuple[CellWarning, ...]
    values: NDArray[np.float64] | None = None
    targets: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    probabilities: NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedModel:
    """The network's parameters (P,), with what stands before it and behind it.

    Of an ensemble they are (M, P), and it answers by the mean of its members' answers: values, or
    probabilities (Lakshminarayanan et al. 2017). Safe to use from many threads.
    """

    target_name: TargetNames
    task: Task
    network_spec: NetworkSpec
    network: Network
    parameters: Array
    preprocessing: Preprocessing
    target: TargetEncoding
    reading: Mapping[str, Any]
    """How the text of its table was read, for `IngestOptions.from_plain`."""
    unread: tuple[str, ...] = ()
    """The other columns of its table, which requests may hold and which it does not read."""
    _reader: InputReader = field(init=False, repr=False)
    _warnings: CellWarnings = field(init=False, repr=False)
    _idle: deque[tuple[ForwardPass, ...]] = field(init=False, repr=False, default_factory=deque)

    def __post_init__(self) -> None:
        object.__setattr__(
            self,
            "_reader",
            InputReader(
                self.preprocessing.encoders,
                {*names_of(self.target_name), *self.unread},
                cell_rules(self.reading),
            ),
        )
        object.__setattr__(self, "_warnings", CellWarnings(self.preprocessing.encoders))

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns it reads, in the order of `predict_inputs`."""
        return tuple(Feature(e.name, e.type) for e in self.preprocessing.encoders)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The labels in the order of the probabilities; None for a regression."""
        return self.target.labels if isinstance(self.target, ClassTarget) else None

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> Predictions:
        """Predict JSON objects by feature name, null standing for a missing value.

        Raises PredictionInputError for names or types that are not the features', and
        NonFiniteOutputError; what is merely missing, unseen or out of range is warned of, as is,
        once, a column of the table that is no feature.
        """
        answers = self._predict(self._reader.rows(rows))
        has_more = any(len(row) != len(self.preprocessing.encoders) for row in rows)
        return self._warned(answers, rows) if has_more else answers

    def predict_inputs(self, inputs: Sequence[Sequence[Any]]) -> Predictions:
        """Predict JSON arrays in the order of the features; raises as `predict_rows` does."""
        return self._predict(self._reader.inputs(inputs))

    def predict_columns(self, columns: Mapping[str, Sequence[str | None]]) -> Predictions:
        """Predict columns of text by feature name, None being a missing cell; raises alike."""
        return self._warned(self._predict(self._reader.columns(columns)), [columns])

    def outputs(self, X: Array) -> Array:
        """The network's answers (N, K) for inputs (N, I)."""
        # A forward pass works on memory of its own: each is lent to one thread at a time.
        try:
            passes = self._idle.pop()
        except IndexError:
            members = np.atleast_2d(self.parameters)
            passes = tuple(ForwardPass(self.network, member) for member in members)
        answers = passes[0].run(X)[1]
        for forward in passes[1:]:
            answers += forward.run(X)[1]
        if len(passes) > 1:
            answers /= len(passes)
        self._idle.append(passes)
        return answers

    def _warned(self, answers: Predictions, named: Sequence[Collection[str]]) -> Predictions:
        targets = names_of(self.target_name)
        ignored = tuple(
            CellWarning(0, name, "target_ignored" if name in targets else "column_ignored", None)
            for name in self._reader.unread(named)
        )
        return replace(answers, warnings=ignored + answers.warnings) if ignored else answers

    def _predict(self, features: Features) -> Predictions:
        X = self.preprocessing.transform(features, self.parameters.dtype)
        outputs = self.outputs(X)
        warnings = self._warnings.of(features)
        if isinstance(self.target, NumberTarget):
            values = _finite(self.target.decode(outputs))
            if isinstance(self.target_name, str):
                return Predictions(warnings, values=values[:, 0])
            return Predictions(warnings, values=values, targets=self.target_name)
        probabilities = _finite(self.target.probabilities(outputs))
        classes = self.target.labels
        labels = tuple(classes[best] for best in probabilities.argmax(axis=1))
        return Predictions(warnings, classes=classes, labels=labels, probabilities=probabilities)


def _finite(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    finite = np.isfinite(answers)
    if not finite.all():
        raise NonFiniteOutputError(int(np.argwhere(~finite)[0, 0]))
    return answers
