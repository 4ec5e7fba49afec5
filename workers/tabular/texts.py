"""Statistics of columns of text and of truth values, and what tells a category from a text."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from workers.tabular.calendar_days import are_days
from workers.tabular.cells import are_numbers
from workers.tabular.duplicates import hashes_of
from workers.tabular.numbers import N_TOP, count_distinct, reason_for
from workers.tabular.profile import ColumnProfile, TableWarning, TopValue
from workers.tabular.text_cells import TextCells

if TYPE_CHECKING:
    from workers.tabular.cells import Chunks, Column
    from workers.tabular.types import ColumnType

_TOP_CHARACTERS = 200

# Beyond this many, distinct values are counted by their hashes, and none is a top value.
_COUNTED_VALUES = 100_000

# A column is text where most values are different, or where there are too many to be levels.
_ALWAYS_CATEGORIES = 20
_MOST_CATEGORIES = 10_000
_LONG_TEXT_BYTES = 100
# At most one cell in so many is another than most.
_ONE_IN = 5


_GROUPED = (
    r"[0-9]+([.,][0-9]+)?|[0-9]{1,3}([,' ][0-9]{3})+(\.[0-9]+)?|[0-9]{1,3}(\.[0-9]{3})+(,[0-9]+)?"
)

# What a person reads as numbers or dates in every cell, and this reader leaves as text, because it
# can be read in several ways: is 3% 3 or 0.03, and which part of 05/01/2024 is the month, if no
# other cell tells? By its pattern the code and the advice.
_UNREAD = {
    r"^[0-9]{1,2}[/-][0-9]{1,2}[/-][0-9]{4}( .*[0-9])?$": (
        "unread_dates",
        "a date of which no cell says if day or month comes first: say `dates` in the schema, or "
        "write 2024-05-31",
    ),
    r"^[0-9]{1,2}[/-][0-9]{1,2}[/-]([0-9]{2}|[0-9]{4})( .*)?$": (
        "unread_dates",
        "a date with a short year or a time that is not read: write 2024-05-31 or 2024-05-31 16:30",
    ),
    rf"^[+-]?[$€£¥]? ?[+-]?({_GROUPED}) ?([%$€£¥]|EUR|USD|GBP|CHF)?$": (
        "unread_numbers",
        "a number with a percent or currency sign, or commas or separated thousands: write 1234.5",
    ),
}
_TRIED_FIRST = 100


@dataclass
class TextSummary:
    """What the cells of a column of text are like; counts are of cells that are not missing.

    `n_others` cells are no numbers, or more, where they are too many to call the rest numbers;
    `n_undated` are no days, alike.
    """

    n_rows: int
    n_cells: int = 0
    n_bytes: int = 0
    with_blank: bool = False
    n_others: int = 0
    first_other_row: int | None = None
    n_undated: int = 0
    first_undated_row: int | None = None
    unread: list[str] = field(default_factory=lambda: list(_UNREAD))
    counts: Counter[str] | None = field(default_factory=Counter)
    hashes: list[NDArray[np.int64]] = field(default_factory=list)

    @classmethod
    def of(cls, column: Chunks, decimal: str) -> Self:
        """The summary of a column of text."""
        summary = cls(len(column))
        start = 0
        for chunk in column.chunks:
            summary.add(chunk, hashes_of(chunk), start, decimal)
            start += len(chunk)
        return summary

    @property
    def distinct(self) -> int:
        """The number of different values."""
        if self.counts is not None:
            return len(self.counts)
        return count_distinct(np.sort(np.concatenate(self.hashes)))

    @property
    def are_mostly_numbers(self) -> bool:
        """Whether all but a few cells are numbers."""
        return _ONE_IN * self.n_others <= self.n_cells

    @property
    def are_mostly_dates(self) -> bool:
        """Whether all but a few cells are days of the calendar."""
        return _ONE_IN * self.n_undated <= self.n_cells

    def add(self, piece: Any, hashes: NDArray[np.int64], start: int, decimal: str) -> None:
        """Take in the cells from row `start` on, with their `hashes_of`."""
        cells = TextCells.of(piece)
        texts: Any = cells.texts
        counts = cells.counts
        self.n_cells += int(counts.sum())
        self.n_bytes += int(counts @ pc.binary_length(texts).fill_null(0).to_numpy())
        self.with_blank = self.with_blank or bool(counts @ _flags(pc.match_substring(texts, " ")))
        if _ONE_IN * self.n_others <= self.n_rows:
            self._find_others(cells, start, decimal)
        if _ONE_IN * self.n_undated <= self.n_rows:
            self._find_undated(cells, start)
        self.hashes.append(hashes[counts > 0])
        if self.counts is not None:
            self._count(self.counts, cells)
        # A few cells mostly tell that the thousands behind them need no look.
        for part in (texts[:_TRIED_FIRST], texts):
            self.unread = [pattern for pattern in self.unread if _all_match(part, pattern)]

    def _find_others(self, cells: TextCells, start: int, decimal: str) -> None:
        numbers = _flags(are_numbers(cells.texts, decimal))
        self.n_others += int(cells.counts @ ~numbers)
        if self.first_other_row is None and not numbers.all():
            row = cells.first_row(~numbers)
            self.first_other_row = None if row is None else start + row + 1

    def _find_undated(self, cells: TextCells, start: int) -> None:
        dated = are_days(cells.texts)
        self.n_undated += int(cells.counts @ ~dated)
        if self.first_undated_row is None and not dated.all():
            row = cells.first_row(~dated)
            self.first_undated_row = None if row is None else start + row + 1

    def _count(self, total: Counter[str], cells: TextCells) -> None:
        if count_distinct(np.sort(self.hashes[-1])) > _COUNTED_VALUES:
            self.counts = None
            return
        texts, counts = cells.tally()
        for text, n in zip(texts.to_pylist(), counts.tolist(), strict=True):
            total[text] += n
        if len(total) > _COUNTED_VALUES:
            self.counts = None


def text_profile(
    name: str, summary: TextSummary, wished: ColumnType | None
) -> tuple[ColumnProfile, TableWarning | None]:
    """The profile of a column that is stored as text, and the warning that goes with its type."""
    distinct = summary.distinct
    kind, reason = (wished, "the schema says so") if wished else _text_type(summary, distinct)
    top = () if summary.counts is None else _top(summary.counts)
    profile = _plain_profile(name, kind, summary.n_rows - summary.n_cells, distinct, top, reason)
    return profile, None if wished else _text_warning(name, kind, summary, distinct)


def boolean_profile(name: str, column: Chunks, wished: ColumnType | None) -> ColumnProfile:
    """The profile of a column of truth values."""
    n_true = pc.sum(column).as_py() or 0
    n_false = len(column) - column.null_count - n_true
    counts = Counter({"true": n_true, "false": n_false})
    top = _top(+counts)
    reason = reason_for("true or false", column, wished)
    return _plain_profile(name, "boolean", column.null_count, len(top), top, reason)


def _text_type(summary: TextSummary, distinct: int) -> tuple[ColumnType, str]:
    n_cells = summary.n_cells
    seen = f"{distinct} different values in {n_cells} cells"
    if n_cells == 0:
        return "ignore", "no cell holds a value"
    if not summary.n_others:
        seen += ", numbers with zeros in front, as in codes"
    if distinct <= _ALWAYS_CATEGORIES:
        return "categorical", seen
    if distinct > n_cells / 2:
        return "text", f"{seen}: most are unique"
    if distinct > _MOST_CATEGORIES:
        return "text", f"{seen}: too many for categories"
    if summary.n_bytes > n_cells * _LONG_TEXT_BYTES:
        return "text", f"{seen}, of more than {_LONG_TEXT_BYTES} bytes on average"
    return "categorical", seen


def _text_warning(
    name: str, kind: ColumnType, summary: TextSummary, distinct: int
) -> TableWarning | None:
    n_others = summary.n_others
    if n_others and summary.unread:
        code, what = _UNREAD[summary.unread[0]]
        return TableWarning(code, name, f"each of {summary.n_cells} cells is {what}")
    if n_others and summary.are_mostly_numbers:
        detail = f"{n_others} of {summary.n_cells} cells are not numbers, first in row"
        return TableWarning("mixed_numbers", name, f"{detail} {summary.first_other_row}")
    if summary.n_undated and summary.are_mostly_dates:
        detail = f"{summary.n_undated} of {summary.n_cells} cells are no days of the calendar"
        more = "the column is text unless they are empty, or `missing` in the schema"
        row = summary.first_undated_row
        return TableWarning("mixed_dates", name, f"{detail}, first in row {row}: {more}")
    if kind != "text" or distinct <= summary.n_cells / 2:
        return None
    seen = f"{distinct} different values in {summary.n_cells} cells"
    if summary.with_blank:
        return TableWarning("near_unique_text", name, f"{seen}: read as free text")
    return TableWarning(
        "id_like", name, f"{seen}, without blanks: read as text, like an identifier"
    )


def _flags(flags: Column) -> NDArray[np.bool_]:
    """Which flags are up, those of missing cells not."""
    found: NDArray[np.bool_] = flags.fill_null(pa.scalar(False)).to_numpy(zero_copy_only=False)
    return found


def _all_match(texts: Any, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(texts, pattern)).as_py() is not False


def _top(counts: Counter[str]) -> tuple[TopValue, ...]:
    most = heapq.nsmallest(N_TOP, counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(TopValue(text[:_TOP_CHARACTERS], count) for text, count in most)


def _plain_profile(
    name: str, kind: ColumnType, missing: int, distinct: int, top: tuple[TopValue, ...], reason: str
) -> ColumnProfile:
    return ColumnProfile(
        name=name,
        type=kind,
        missing=missing,
        distinct=distinct,
        min=None,
        max=None,
        mean=None,
        std=None,
        top=top,
        integer=False,
        reason=reason,
    )
