"""How auto makes inputs of columns: decided from their types and the rows, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workers.modelling.feature_choice import input_width
from workers.tabular.differences import MAX_MOMENTS
from workers.tabular.spec import (
    CategoricalSpec,
    DatePart,
    DatetimeSpec,
    NumericSpec,
    PreprocessingSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workers.modelling.plan import Method, ModelWish
    from workers.modelling.row_division import Division
    from workers.tabular.profile import ColumnProfile

MAX_BIN_INPUTS = 1_600
"""More of them few rows each would have to teach."""

MIN_ROWS_FOR_BINS = 40
"""Rows that train."""

MIN_COUNT = 2
"""A level of one row is learned by heart; together they say what an unseen one is like."""

MAX_BINS = 48
_LEAST_BINS = 3
_ROWS_PER_BIN_OF_ALL = 10
_ROWS_PER_BIN, _ROWS_PER_BIN_OF_MEASURED = 100, 400
_MEASURED = 0.75
"""Different values for each row that trains, in the mean of the numbers."""

_MOST_OF_FEW_ROWS, _MOST_PER_CLASS_OF_FEW_ROWS = 8, 4
_MOST_OF_ONE_NUMBER = 128
"""Of two a quarter each, of three a ninth."""

DATE_PARTS: tuple[DatePart, ...] = ("month", "day_of_week", "hour")


@dataclass(frozen=True)
class Bins:
    """How many each number may have, how many inputs they may be together, and from how many rows.

    The rows are those that train.
    """

    each: int
    most: int = MAX_BIN_INPUTS
    least_rows: int = MIN_ROWS_FOR_BINS

    @classmethod
    def for_table(
        cls, features: Sequence[ColumnProfile], n_train: int, classes: int | None
    ) -> Bins:
        """The fewer rows train, the fewer bins; of several classes each has but some of the rows.

        With many bins few rows learn the curve of each number by heart, and little of what numbers
        do together, as on 1,200 to 6,000 rows of large tables, and on made ones. Without any, a
        few hundred rows do not learn a curve at all. The fewer numbers there are, the less they do
        together, and the more bins each may have: a wave needs several for each of its periods.
        Where numbers hardly repeat, they are measured, and what they say is smooth; counts, codes
        and prices say something else from one to the next.
        """
        curves = max(1, (classes or 0) - 1)
        numbers = [c for c in features if c.type in ("numeric", "datetime") and c.distinct > 2]
        n_numbers = max(1, len(numbers))
        together = n_train // _ROWS_PER_BIN_OF_ALL
        are_measured = sum(c.distinct for c in numbers) > _MEASURED * n_train * n_numbers
        rows_per_bin = _ROWS_PER_BIN_OF_MEASURED if are_measured else _ROWS_PER_BIN
        by_rows = min(n_train / (rows_per_bin * math.sqrt(curves)), together / (curves * n_numbers))
        of_few_rows = _MOST_OF_FEW_ROWS if curves == 1 else _MOST_PER_CLASS_OF_FEW_ROWS
        of_few_numbers = _MOST_OF_ONE_NUMBER // n_numbers**2 // curves
        most = max(of_few_rows, of_few_numbers, int(by_rows))
        shared = min(together, MAX_BIN_INPUTS) // n_numbers
        each = max(min(shared, most, MAX_BINS), _LEAST_BINS)
        return cls(each, min(n_train // curves, MAX_BIN_INPUTS))


def decide_preprocessing(
    wish: ModelWish, features: Sequence[ColumnProfile], division: Division, bins: Bins | None
) -> tuple[Method, Iterator[str]]:
    """The wish's own preprocessing, or one for these columns with the reasons for it."""
    if wish.preprocessing is not None:
        return wish.preprocessing, iter(())
    n_moments = sum(column.type == "datetime" for column in features)
    plain = PreprocessingSpec(
        numeric=NumericSpec(scaling="robust", clip=True),
        categorical=CategoricalSpec(min_count=MIN_COUNT),
        datetime=DatetimeSpec(
            parts=DATE_PARTS if n_moments else (), differences=2 <= n_moments <= MAX_MOMENTS
        ),
    )
    binned = plain
    if bins is not None:
        numeric = replace(plain.numeric, encoding="piecewise_linear", bins=bins.each)
        binned = replace(plain, numeric=numeric)
    n_bins = input_width(features, method=binned) - input_width(features, method=plain)
    most = 0 if bins is None else bins.most
    least_rows = 0 if bins is None else bins.least_rows
    has_bins = 0 < n_bins <= most and division.n_train >= least_rows

    def reasons() -> Iterator[str]:
        if any(column.type in ("numeric", "datetime") for column in features):
            yield "Numbers by median and quartiles, bent towards 3 and -3: outliers weigh little."
        if n_bins:
            yield _about_bins(n_bins, most, division.n_train, least_rows)
        if n_moments:
            yield "Dates also by month, day of the week and hour, each on a circle."
        if plain.datetime.differences:
            yield "The days between every two columns of dates."

    return binned if has_bins else plain, reasons()


def _about_bins(n_bins: int, most: int, n_train: int, least_rows: int) -> str:
    if n_train < least_rows:
        return f"No quantile bins: {n_train} rows that train are fewer than {least_rows}."
    if n_bins > most:
        rows = "" if most == MAX_BIN_INPUTS else f" for the {n_train} rows that train"
        return f"No quantile bins: {n_bins} inputs would be more than {most}{rows}."
    return f"{n_bins} inputs for the quantile bins of the numbers, for what is not smooth."
