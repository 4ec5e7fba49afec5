"""Rows, arrays or columns of a request as features, with every problem found in them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from workers.tabular.cell_readers import CellError, json_reader, text_reader
from workers.tabular.cell_rules import USUAL
from workers.tabular.encoders import CodedEncoder
from workers.tabular.features import Features

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from workers.tabular.cell_readers import CellReader
    from workers.tabular.cell_rules import CellRules
    from workers.tabular.encoders import Encoder

MAX_PROBLEMS = 20
_NAMED = 10

Cell = TypeVar("Cell")


@dataclass(frozen=True)
class InputProblem:
    """One thing wrong with a request's data: where (RFC 6901), what, and the limit it broke."""

    pointer: str
    code: str
    detail: str
    limit: int | None = None


class PredictionInputError(Exception):
    """Data that a model cannot read: its first problems, at most MAX_PROBLEMS.

    Codes: missing_feature, unknown_feature, rows_width, rows_length and those of CellError.
    """

    def __init__(self, problems: Iterator[InputProblem]) -> None:
        self.problems = tuple(islice(problems, MAX_PROBLEMS))
        super().__init__("; ".join(f"{p.pointer} {p.code}" for p in self.problems))


class InputReader:
    """Reads requests for one fitted model; safe to use from many threads.

    The way without problems is kept short; only when it fails are the problems looked for.
    """

    def __init__(
        self,
        encoders: Sequence[Encoder],
        unread: Collection[str] = (),
        rules: Mapping[str, CellRules] | None = None,
    ) -> None:
        """Take the features, and the names of columns that may be there and are not read.

        `rules` are how the columns of the table were read, where they differ from USUAL.
        """
        told = [(one, (rules or {}).get(one.name, USUAL)) for one in encoders]
        self._unread = frozenset(unread)
        self._names = tuple(encoder.name for encoder in encoders)
        self._known = frozenset(self._names)
        self._json = tuple(json_reader(*each) for each in told)
        self._text = tuple(text_reader(*each) for each in told)
        is_code = [isinstance(encoder, CodedEncoder) for encoder in encoders]
        self._code_places = np.flatnonzero(is_code)
        self._number_places = np.flatnonzero(np.logical_not(is_code))

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> Features:
        """JSON objects by feature name, in any order of names; pointers are /rows/3/age.

        What was in the table beside the features may be there still: it is not read.
        """
        names = self._names
        if any(len(row) != len(names) for row in rows):
            rows = [self._without_unread(row) for row in rows]
        if any(len(row) != len(names) for row in rows):
            raise PredictionInputError(self._wrong_rows(rows))
        try:
            cells = [[row[name] for name in names] for row in rows]
        except KeyError:
            raise PredictionInputError(self._wrong_rows(rows)) from None
        return self._read(cells, self._json, "/rows", [pointer_part(name) for name in names])

    def inputs(self, inputs: Sequence[Sequence[Any]]) -> Features:
        """JSON arrays in the order of the features; pointers are /inputs/3/0."""
        width = len(self._names)
        if any(len(row) != width for row in inputs):
            raise PredictionInputError(_wrong_widths(inputs, width))
        return self._read(inputs, self._json, "/inputs", range(width))

    def columns(self, columns: Mapping[str, Sequence[str | None]]) -> Features:
        """Columns of text by feature name, None being missing; pointers as for `rows`.

        What was in the table beside the features may be there still: it is not read.
        """
        columns = self._without_unread(columns)
        if set(columns) != self._known:
            raise PredictionInputError(self._wrong_names(columns, "/columns"))
        if len({len(column) for column in columns.values()}) > 1:
            detail = "All columns must have the same number of rows."
            raise PredictionInputError(iter([InputProblem("/columns", "rows_length", detail)]))
        cells = list(zip(*(columns[name] for name in self._names), strict=True))
        return self._read(cells, self._text, "/rows", [pointer_part(name) for name in self._names])

    def unread(self, named: Iterable[Collection[str]]) -> tuple[str, ...]:
        """The names, each once, that are there and are not read, in the order of their coming."""
        names = chain.from_iterable(named)
        return tuple(dict.fromkeys(name for name in names if name in self._unread))

    def _without_unread(self, named: Mapping[str, Cell]) -> dict[str, Cell]:
        return {name: value for name, value in named.items() if name not in self._unread}

    def _read(
        self,
        rows: Sequence[Sequence[Any]],
        readers: Sequence[CellReader],
        pointer: str,
        places: Sequence[str | int],
    ) -> Features:
        try:
            cells = [[read(cell) for read, cell in zip(readers, row, strict=True)] for row in rows]
        except CellError:
            raise PredictionInputError(_wrong_cells(rows, readers, pointer, places)) from None
        numbers = np.array(cells, np.float64).reshape(len(rows), len(readers))
        codes = numbers[:, self._code_places].astype(np.intp)
        return Features(numbers[:, self._number_places], codes)

    def _wrong_rows(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[InputProblem]:
        for index, row in enumerate(rows):
            yield from self._wrong_names(row, f"/rows/{index}")

    def _wrong_names(self, names: Collection[str], pointer: str) -> Iterator[InputProblem]:
        for name in self._names:
            if name not in names:
                detail = "The model needs this feature; null stands for a missing value."
                yield InputProblem(f"{pointer}/{pointer_part(name)}", "missing_feature", detail)
        for name in names:
            if name not in self._known:
                at = f"{pointer}/{pointer_part(name)}"
                yield InputProblem(at, "unknown_feature", self._reads())

    def _reads(self) -> str:
        named = ", ".join(self._names[:_NAMED])
        more = f" and {len(self._names) - _NAMED} more" if len(self._names) > _NAMED else ""
        return f"The model does not have this feature; it reads {named}{more}."


def pointer_part(name: str) -> str:
    """A name as one part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _wrong_widths(inputs: Sequence[Sequence[Any]], width: int) -> Iterator[InputProblem]:
    for index, row in enumerate(inputs):
        if len(row) != width:
            detail = f"The model has {width} features."
            yield InputProblem(f"/inputs/{index}", "rows_width", detail, width)


def _wrong_cells(
    rows: Sequence[Sequence[Any]],
    readers: Sequence[CellReader],
    pointer: str,
    places: Sequence[str | int],
) -> Iterator[InputProblem]:
    for index, row in enumerate(rows):
        for place, reader, cell in zip(places, readers, row, strict=True):
            try:
                reader(cell)
            except CellError as error:
                at = f"{pointer}/{index}/{place}"
                yield InputProblem(at, error.code, error.detail)
