"""Blocks of columns that come with types of their own, made columns of known kinds.

Text among them, and every column with a wish that its own type does not fulfil, is read by the
rules for the text of CSV. The rest keeps its type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workers.tabular.cells import (
    LARGEST_EXACT_INTEGER,
    STORED_TYPES,
    Cells,
    classify,
    clean_text,
    convert,
    first_misfit,
    integers,
    join,
    lost_words,
)
from workers.tabular.csv_columns import BAD_CELL, check_size, first_kind, fulfils
from workers.tabular.errors import TableError
from workers.tabular.value_texts import as_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.tabular.cells import Column, Kind
    from workers.tabular.options import IngestOptions
    from workers.tabular.types import ColumnType

Family: TypeAlias = Literal["missing", "number", "boolean", "time", "text"]

_NO_TEXTS: tuple[Kind, ...] = ("integer", "float", "boolean", "truth")

_FAMILY_OF_WISH: dict[ColumnType, Family] = {
    "numeric": "number",
    "boolean": "boolean",
    "datetime": "time",
}


class TypedReader:
    """Reads the blocks of a table in their order.

    `kinds` is what the columns are taken for; it widens where a block has a cell that does not fit.
    `n_rows` counts the rows of the blocks read; `lost` are their `Cells.lost` by column of text.
    """

    def __init__(
        self,
        options: IngestOptions,
        kinds: Mapping[str, Kind] | None = None,
        too_long: str = "field_too_long",
    ) -> None:
        self._options = options
        self._decimal = options.parse.decimal or "."
        self._too_long = too_long
        self._families: dict[str, Family] = {}
        self._plain_texts: set[str] = set()
        self.kinds: dict[str, Kind] = dict(kinds or {})
        self.lost: dict[str, frozenset[str]] = {}
        self.n_rows = 0

    @property
    def texts(self) -> set[str]:
        """The columns whose numbers or truth values stood as text."""
        of_text = (name for name, family in self._families.items() if family == "text")
        return {name for name in of_text if self.kinds[name] in _NO_TEXTS}

    def read(self, block: Mapping[str, Column]) -> dict[str, Column]:
        """The columns of the block in the stored types of `kinds`, widened first where needed.

        Raises:
            TableError: mixed_types; bad_number, bad_boolean, bad_datetime; nul_character;
                too_many_rows, too_many_cells, and `too_long` for a text beyond its limit.
        """
        columns = {name: self._read(name, values) for name, values in block.items()}
        self.n_rows += len(next(iter(columns.values())))
        check_size(self.n_rows, len(columns), self._options.limits)
        return columns

    def _read(self, name: str, values: Column) -> Column:
        family = family_of(values)
        self._check_family(name, family, values)
        wish = self._options.wish(name)
        wished = wish.checked_type
        is_wished = wished is None or _FAMILY_OF_WISH.get(wished) == family
        if family == "text" or wish.missing is not None or not is_wished:
            return self._from_text(name, values)
        found, column = self._natural(name, values)
        return self._fit(name, found, column)

    def _check_family(self, name: str, family: Family, values: Column) -> None:
        if family == "missing":
            return
        known = self._families.setdefault(name, family)
        if family != known:
            index = values.is_valid().index(True).as_py()
            raise mixed_types(name, self.n_rows + index + 1)

    def _natural(self, name: str, values: Column) -> tuple[Kind, Column]:
        family = family_of(values)
        if family == "missing":
            return "empty", values
        if family == "boolean":
            return "boolean", values
        if family == "time":
            return "datetime", _moments(values)
        if pa.types.is_integer(values.type):
            return _whole(values)
        return self._fractions(name, values)

    def _fractions(self, name: str, values: Column) -> tuple[Kind, Column]:
        numbers = values.cast(pa.float64())
        numbers = pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
        is_infinite: Any = pc.is_inf(numbers)
        if pc.any(is_infinite).as_py():
            row = self.n_rows + is_infinite.index(True).as_py() + 1
            detail = f"row {row}: the number is not finite"
            raise TableError("bad_number", detail, row=row, column=name)
        if numbers.null_count == len(numbers):
            return "empty", numbers
        if self.kinds.get(name) == "float":
            # Made whole and a fraction again, -0.0 would be 0.0 or not by the block it is in.
            return "float", numbers
        whole = integers(numbers)
        return ("float", numbers) if whole is None else ("integer", whole)

    def _fit(self, name: str, found: Kind, column: Column) -> Column:
        known = self.kinds.get(name, "empty")
        self.kinds[name] = join(known, found)
        stored = STORED_TYPES[self.kinds[name]]
        if found == "empty":
            missing: Column = pa.nulls(len(column), pa.null())
            return missing.cast(stored)
        # An integer that was taken for a fraction; else the kind was wrong, and nothing is kept.
        return column.cast(stored) if self.kinds[name] == "float" else column

    def _from_text(self, name: str, values: Column) -> Column:
        wish = self._options.wish(name)
        if name in self._plain_texts and pa.types.is_string(values.type):
            self._check_texts(name, values, None)
            clean = clean_text(values, wish.missing_tokens)
            self._lose(name, lost_words(values, clean))
            return clean
        texts = as_texts(values)
        self._check_texts(name, texts.dictionary, texts.indices)
        cells = Cells.clean(texts, wish.missing_tokens)
        self._lose(name, cells.lost)
        if name not in self.kinds:
            self.kinds[name] = first_kind(wish, cells, self._decimal)
        if self.kinds[name] == "string" and cells.differ_mostly:
            self._plain_texts.add(name)
        column = convert(cells, self.kinds[name], self._decimal)
        if column is not None:
            return column
        found = classify(cells, self._decimal)
        wished = wish.checked_type
        if wished in BAD_CELL and not fulfils(wished, self.kinds[name], found):
            raise self._bad_cell(name, cells, wished)
        self.kinds[name] = join(self.kinds[name], found)
        return cells.indices

    def _lose(self, name: str, words: frozenset[str]) -> None:
        self.lost[name] = self.lost.get(name, frozenset()) | words

    def _bad_cell(self, name: str, cells: Cells, wished: ColumnType) -> TableError:
        kind: Kind = "float" if wished == "numeric" else self.kinds[name]
        row = self.n_rows + first_misfit(cells, kind, self._decimal) + 1
        code, what = BAD_CELL[wished]
        return TableError(code, f"row {row}: the cell is {what}", row=row, column=name)

    def _check_texts(self, name: str, texts: Any, indices: Column | None) -> None:
        limit = self._options.limits.field_bytes
        longest = pc.max(pc.binary_length(texts)).as_py()
        if longest is not None and longest > limit:
            too_long: Column = pc.greater(pc.binary_length(texts), pa.scalar(limit))
            row = self._row_of(too_long, indices)
            detail = f"row {row}: the text is longer than {limit} bytes"
            raise TableError(self._too_long, detail, row=row, column=name, limit=limit)
        with_nul = pc.match_substring(texts, "\0") if _may_have_nul(texts) else None
        if with_nul is not None and pc.any(with_nul).as_py():
            row = self._row_of(with_nul, indices)
            detail = f"row {row}: the text holds a NUL character"
            raise TableError("nul_character", detail, row=row, column=name)

    def _row_of(self, flags: Column, indices: Column | None) -> int:
        of_rows = flags if indices is None else flags.take(indices)
        index: int = of_rows.index(True).as_py()
        return self.n_rows + index + 1


def family_of(values: Column) -> Family:
    """What the values are, apart from how exactly they are kept."""
    kind = values.type
    if values.null_count == len(values):
        return "missing"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_temporal(kind):
        return "time"
    return "number" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else "text"


def _may_have_nul(texts: Any) -> bool:
    """Whether a zero is among the bytes of texts (N,) string, which is found faster than in cells.

    It may stand behind a missing cell.
    """
    _, offsets, data = texts.buffers()
    if data is None or not len(texts):
        return False
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    octets = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    return octets.size > 0 and not octets.min()


def mixed_types(column: str, row: int) -> TableError:
    """The refusal of a column whose values are not all of one type."""
    detail = f"row {row}: the value is of another type than those above it"
    return TableError("mixed_types", detail, row=row, column=column)


def _whole(values: Column) -> tuple[Kind, Column]:
    least, greatest = pc.min(values).as_py(), pc.max(values).as_py()
    if max(-least, greatest) <= LARGEST_EXACT_INTEGER:
        return "integer", values.cast(pa.int64())
    return "float", values.cast(pa.float64(), safe=False)


def _moments(values: Column) -> Column:
    # Safe only where nothing is cut off: stored moments are microseconds, in UTC.
    return values.cast(pa.timestamp("us", getattr(values.type, "tz", None)), safe=False).cast(
        pa.timestamp("us")
    )
