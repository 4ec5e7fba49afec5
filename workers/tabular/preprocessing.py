"""From the features' cells to the network's inputs: fitted on training rows, part of the model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workers.tabular.encoders import (
    MISSING,
    CategoricalEncoder,
    CodedEncoder,
    Encoder,
    LevelEncoder,
    NumericEncoder,
    encoder_from_plain,
)
from workers.tabular.errors import TableError
from workers.tabular.features import Features, features_of, level_counts, numbers_of, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from workers.tabular.features import Column
    from workers.tabular.splits import Rows

Method = Literal["standard", "none"]


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


@dataclass(frozen=True)
class Preprocessing:
    """The fitted encoders, in the order of the features.

    standard  numbers imputed by the median with an indicator, and standardised; categories one-hot
    none      numbers as they are, a missing one at the median; no categories

    Either way, a column that the network embeds is the number of its level.
    """

    method: Method
    encoders: tuple[Encoder, ...]

    @classmethod
    def fit(
        cls,
        table: pa.Table,
        rows: Rows,
        features: Sequence[str],
        method: Method,
        embedded: Collection[str] = (),
    ) -> Preprocessing:
        """Learn from these rows of a stored table, and from no other."""
        encoders = (
            _fit_levels(name, table[name].take(rows))
            if name in embedded
            else _fit(name, table[name].take(rows), method)
            for name in features
        )
        return cls(method, tuple(encoders))

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
        return X

    def transform(self, features: Features, dtype: np.dtype[np.floating]) -> NDArray[Any]:
        """The inputs (N, I), C-contiguous; computed in float64, whatever the dtype of the result.

        Every input is a function of its own row alone, by the same operations in any company.
        """
        plan, numbers = self._plan, features.numbers
        X = np.zeros((len(numbers), plan.n_outputs), dtype)
        missing = np.isnan(numbers)
        with np.errstate(over="ignore", invalid="ignore"):
            X[:, plan.numbers] = (np.where(missing, plan.fill, numbers) - plan.center) / plan.scale
        X[:, plan.indicators] = missing[:, plan.indicated]
        ones = plan.columns[features.codes[:, plan.one_hot] + plan.first_code]
        row, place = np.nonzero(ones >= 0)
        X[row, ones[row, place]] = 1.0
        if len(plan.embedded):
            X[:, plan.levels] = np.maximum(features.codes[:, plan.embedded] - MISSING, 0)
        return X

    def to_plain(self) -> dict[str, Any]:
        """The preprocessing as plain data."""
        return {"method": self.method, "encoders": [e.to_plain() for e in self.encoders]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Preprocessing:
        """What `to_plain` wrote; KeyError or TypeError for anything else."""
        return cls(plain["method"], tuple(encoder_from_plain(e) for e in plain["encoders"]))

    @cached_property
    def _plan(self) -> _Plan:
        return _Plan(self.encoders)

    @cached_property
    def _blocks(self) -> tuple[tuple[int, Preprocessing], ...]:
        """Some encoders at a time, as preprocessings, and the first of their inputs."""
        found, place = [], 0
        for first in range(0, len(self.encoders), _BLOCK):
            block = Preprocessing(self.method, self.encoders[first : first + _BLOCK])
            found.append((place, block))
            place += sum(len(encoder.outputs) for encoder in block.encoders)
        return tuple(found)


class _Plan:
    """Where everything goes, so that a row costs a few array operations and not some per column."""

    def __init__(self, encoders: tuple[Encoder, ...]) -> None:
        starts = np.cumsum([0, *(len(encoder.outputs) for encoder in encoders)])
        self.n_outputs = int(starts[-1])
        placed = list(zip(encoders, starts.tolist(), strict=False))
        numeric = [(e, at) for e, at in placed if isinstance(e, NumericEncoder)]
        self.numbers = np.array([at for _, at in numeric], np.intp)
        self.fill = np.array([e.fill for e, _ in numeric])
        self.center = np.array([e.center for e, _ in numeric])
        self.scale = np.array([e.scale or math.inf for e, _ in numeric])
        self.indicated = np.flatnonzero([e.indicator for e, _ in numeric])
        self.indicators = self.numbers[self.indicated] + 1

        coded = [(e, at) for e, at in placed if isinstance(e, CodedEncoder)]
        columns: list[int] = []
        first_code = []
        for e, at in coded:
            if isinstance(e, CategoricalEncoder):
                first_code.append(len(columns))
                columns.extend(at + place if place >= 0 else place for place in e.places)
        self.first_code = np.array(first_code, np.intp)
        self.columns = np.array(columns, np.intp)
        is_embedded = [isinstance(e, LevelEncoder) for e, _ in coded]
        self.one_hot = np.flatnonzero(np.logical_not(is_embedded))
        self.embedded = np.flatnonzero(is_embedded)
        self.levels = np.array([coded[place][1] for place in self.embedded], np.intp)


def _rows_of(table: pa.Table, rows: Rows) -> pa.Table:
    """These rows, of which there is one at least, in their order."""
    # To take rows of a table in pieces it is copied as a whole: here, as far as they reach.
    first, last = int(rows.min()), int(rows.max())
    return table.slice(first, last - first + 1).take(rows - first)


def _fit(name: str, column: Column, method: Method) -> Encoder:
    kind = type_of(column)
    if kind == "categorical":
        counts, n_missing = level_counts(column)
        return CategoricalEncoder.fit(name, counts, n_missing=n_missing)
    standardise = method == "standard"
    return NumericEncoder.fit(name, kind, numbers_of(column), standardise=standardise)


def _fit_levels(name: str, column: Column) -> LevelEncoder:
    kind = type_of(column)
    if kind not in ("categorical", "boolean"):
        raise TableError("column_type", "a column without levels cannot be embedded", column=name)
    counts, n_missing = level_counts(column)
    return LevelEncoder.fit(name, kind, counts, n_missing=n_missing)


def _free_name(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free
