"""From the features' cells to the network's inputs: fitted on training rows, part of the model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workers.tabular.differences import Difference, fit_differences
from workers.tabular.encoders import (
    MISSING,
    UNSEEN,
    CategoricalEncoder,
    Encoder,
    LevelEncoder,
    NumericEncoder,
    encoder_from_plain,
)
from workers.tabular.errors import TableError
from workers.tabular.features import Features, features_of, level_counts, numbers_of, type_of
from workers.tabular.input_plan import InputPlan
from workers.tabular.spec import PreprocessingSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from workers.tabular.features import Column
    from workers.tabular.splits import Rows

    Numbers = NDArray[np.float64]

Method = Literal["standard", "none"]
Fitted = Literal["standard", "none", "custom"]


@dataclass(frozen=True)
class Levels:
    """Where the numbers of a column's levels stand among the inputs, and how many there are."""

    index: int
    count: int


# Rows and columns that are transformed at a time. What is needed on the way to float32 takes five
# times the memory of the result, and memory that is touched for the first time costs more than
# what is computed in it.
_PIECE = 16384
_BLOCK = 8
# Bins make many numbers of one: so many rows of them stay in a core's own memory.
_SHORT = 512


@dataclass(frozen=True)
class Preprocessing:
    """The fitted encoders, in the order of the features.

    standard  numbers imputed by the median with an indicator, and standardised; categories one-hot
    none      numbers as they are, a missing one at the median; no categories
    custom    as a specification says

    Each way, a column that the network embeds is the number of its level. The inputs of the
    `differences` between moments stand behind those of all encoders.
    """

    method: Fitted
    encoders: tuple[Encoder, ...]
    differences: tuple[Difference, ...] = ()

    @classmethod
    def fit(
        cls,
        table: pa.Table,
        rows: Rows,
        features: Sequence[str],
        method: Method | PreprocessingSpec,
        embedded: Collection[str] = (),
    ) -> Preprocessing:
        """Learn from these rows of a stored table, and from no other."""
        encoders = tuple(
            _fit_levels(name, table[name].take(rows), method)
            if name in embedded
            else _fit(name, table[name].take(rows), method)
            for name in features
        )
        if not isinstance(method, PreprocessingSpec):
            return cls(method, encoders)
        differences: tuple[Difference, ...] = ()
        if method.datetime.differences:
            moments = {
                e.name: numbers_of(table[e.name].take(rows)) for e in encoders if _is_moment(e)
            }
            differences = fit_differences(moments)
        return cls("custom", encoders, differences)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns it reads, in the order of the model's inputs."""
        return tuple(encoder.name for encoder in self.encoders)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """What the columns of X are called: different names, as columns have different names.

        A name made up from a column and a level may be another column's: then it is numbered.
        """
        taken = set(self.features)
        named: list[str] = []
        for encoder in self.encoders:
            for name in encoder.outputs:
                own = name == encoder.name
                named.append(name if own else _free_name(name, taken))
                taken.add(named[-1])
        for difference in self.differences:
            named.append(_free_name(difference.output, taken))
            taken.add(named[-1])
        return tuple(named)

    @cached_property
    def levels(self) -> dict[str, Levels]:
        """The embedded columns among the inputs."""
        starts = np.cumsum([0, *(len(encoder.outputs) for encoder in self.encoders)]).tolist()
        return {
            encoder.name: Levels(start, encoder.n_levels)
            for encoder, start in zip(self.encoders, starts, strict=False)
            if isinstance(encoder, LevelEncoder)
        }

    def transform_table(
        self,
        table: pa.Table,
        dtype: np.dtype[np.floating],
        rows: Rows | None = None,
        empty: Callable[[tuple[int, int], np.dtype[np.floating]], NDArray[Any]] = np.empty,
    ) -> NDArray[Any]:
        """The inputs (N, I) of these rows of a stored table (None: of all), in their order.

        `empty` makes the matrix, for one that is to lie elsewhere than in memory.
        """
        if rows is None:
            rows = np.arange(table.num_rows)
        X = empty((len(rows), self._plan.n_outputs), dtype)
        for start in range(0, len(rows), _PIECE):
            wanted = rows[start : start + _PIECE]
            for place, block in self._blocks:
                piece = _rows_of(table.select(list(block.features)), wanted)
                inputs = block.transform(features_of(piece, block.encoders), dtype)
                X[start : start + _PIECE, place : place + inputs.shape[1]] = inputs
            if self.differences:
                piece = _rows_of(table, wanted)
                names = {name for each in self.differences for name in (each.first, each.second)}
                seconds = {name: numbers_of(piece[name]) for name in names}
                self._write_differences(seconds, X[start : start + _PIECE])
        return X

    def transform(self, features: Features, dtype: np.dtype[np.floating]) -> NDArray[Any]:
        """The inputs (N, I), C-contiguous; computed in float64, whatever the dtype of the result.

        Every input is a function of its own row alone, by the same operations in any company.
        """
        plan, numbers = self._plan, features.numbers
        X = np.zeros((len(numbers), plan.n_outputs), dtype)
        missing = np.isnan(numbers)
        filled = np.where(missing, plan.fill, numbers) if missing.any() else numbers
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = filled - plan.center
            scaled /= plan.scale
            X[:, plan.numbers] = scaled
        X[:, plan.indicators] = missing[:, plan.indicated]
        ones = plan.columns[features.codes[:, plan.one_hot] + plan.first_code]
        row, place = np.nonzero(ones >= 0)
        X[row, ones[row, place]] = 1.0
        if len(plan.embedded):
            codes = features.codes[:, plan.embedded]
            X[:, plan.levels] = np.where(codes == UNSEEN, plan.unseen, codes - MISSING)
        for encoder, index, at in plan.curved:
            X[:, at] = encoder.scaled(numbers[:, index])
            beside = slice(at + 1 + encoder.indicator, at + len(encoder.outputs))
            for start in range(0, len(X), _SHORT):
                cells = numbers[start : start + _SHORT, index]
                X[start : start + _SHORT, beside] = encoder.beside(cells)
        if self.differences:
            self._write_differences({e.name: numbers[:, i] for i, e in plan.moments}, X)
        return X

    def to_plain(self) -> dict[str, Any]:
        """The preprocessing as plain data."""
        plain = {"method": self.method, "encoders": [e.to_plain() for e in self.encoders]}
        if self.differences:
            plain["differences"] = [each.to_plain() for each in self.differences]
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Preprocessing:
        """What `to_plain` wrote; KeyError or TypeError for anything else."""
        encoders = tuple(encoder_from_plain(e) for e in plain["encoders"])
        differences = tuple(Difference(**each) for each in plain.get("differences", ()))
        return cls(plain["method"], encoders, differences)

    def _write_differences(self, seconds: Mapping[str, Numbers], X: NDArray[Any]) -> None:
        """Fill the last columns of the inputs X (N, I), from the moments' columns (N,)."""
        for at, each in enumerate(self.differences, start=X.shape[1] - len(self.differences)):
            X[:, at] = each.inputs(seconds[each.first], seconds[each.second])

    @cached_property
    def _plan(self) -> InputPlan:
        return InputPlan(self.encoders, len(self.differences))

    @cached_property
    def _blocks(self) -> tuple[tuple[int, Preprocessing], ...]:
        """Some encoders at a time, as preprocessings, and the first of their inputs."""
        found, place = [], 0
        for first in range(0, len(self.encoders), _BLOCK):
            block = Preprocessing(self.method, self.encoders[first : first + _BLOCK])
            found.append((place, block))
            place += sum(len(encoder.outputs) for encoder in block.encoders)
        return tuple(found)


def _rows_of(table: pa.Table, rows: Rows) -> pa.Table:
    """These rows, of which there is one at least, in their order."""
    # To take rows of a table in pieces it is copied as a whole: here, as far as they reach.
    first, last = int(rows.min()), int(rows.max())
    return table.slice(first, last - first + 1).take(rows - first)


def _fit(name: str, column: Column, method: Method | PreprocessingSpec) -> Encoder:
    kind = type_of(column)
    spec = method if isinstance(method, PreprocessingSpec) else None
    if kind == "categorical":
        counts, n_missing = level_counts(column)
        rare = None if spec is None else spec.categorical_of(name)
        return CategoricalEncoder.fit(name, counts, n_missing=n_missing, spec=rare)
    values = numbers_of(column)
    if spec is None:
        return NumericEncoder.fit(name, kind, values, standardise=method == "standard")
    return NumericEncoder.fit_to(name, kind, values, spec.numeric_of(name), spec.datetime_of(name))


def _fit_levels(name: str, column: Column, method: Method | PreprocessingSpec) -> LevelEncoder:
    kind = type_of(column)
    if kind not in ("categorical", "boolean"):
        raise TableError("column_type", "a column without levels cannot be embedded", column=name)
    counts, n_missing = level_counts(column)
    rare = None
    if isinstance(method, PreprocessingSpec) and kind == "categorical":
        rare = method.categorical_of(name)
    return LevelEncoder.fit(name, kind, counts, n_missing=n_missing, spec=rare)


def _is_moment(encoder: Encoder) -> bool:
    return encoder.type == "datetime"


def _free_name(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free
