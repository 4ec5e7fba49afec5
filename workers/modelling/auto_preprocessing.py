"""How auto makes inputs of columns: decided from their types and the rows, and why."""

from __future__ import annotations

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

MIN_ROWS_FOR_BINS = 400
"""Rows that train. On fewer, bins did worse by folds within the training rows of small tables."""

MIN_COUNT = 2
"""A level of one row is learned by heart; together they say what an unseen one is like."""

_BINS_OF_FEW_ROWS, _MAX_BINS = 8, 48
_BINS_OF_FEW_ROWS_PER_CLASS = 4
_FEW_ROWS, _ROWS_PER_BIN = 3_200, 200
_ROWS_PER_BIN_INPUT = 5

DATE_PARTS: tuple[DatePart, ...] = ("month", "day_of_week", "hour")


@dataclass(frozen=True)
class Bins:
    """How many each number may have, and how many inputs they may be together."""

    each: int
    most: int = MAX_BIN_INPUTS

    @classmethod
    def for_rows(cls, n_train: int, classes: int | None) -> Bins:
        """The fewer rows train, the fewer bins; of several classes each has but some of the rows.

        With many bins few rows learn the curve of each number by heart, and little of what numbers
        do together: so did 1,200 to 6,000 training rows of large tables, and made ones.
        """
        curves = max(1, (classes or 0) - 1)
        least = _BINS_OF_FEW_ROWS if curves == 1 else _BINS_OF_FEW_ROWS_PER_CLASS
        each = least
        if n_train >= _FEW_ROWS:
            each = min(max(n_train // (_ROWS_PER_BIN * curves), least), _MAX_BINS)
        return cls(each, min(n_train // _ROWS_PER_BIN_INPUT, MAX_BIN_INPUTS))


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
    has_bins = 0 < n_bins <= most and division.n_train >= MIN_ROWS_FOR_BINS

    def reasons() -> Iterator[str]:
        if any(column.type in ("numeric", "datetime") for column in features):
            yield "Numbers by median and quartiles, bent towards 3 and -3: outliers weigh little."
        if n_bins:
            yield _about_bins(n_bins, most, division.n_train)
        if n_moments:
            yield "Dates also by month, day of the week and hour, each on a circle."
        if plain.datetime.differences:
            yield "The days between every two columns of dates."

    return binned if has_bins else plain, reasons()


def _about_bins(n_bins: int, most: int, n_train: int) -> str:
    if n_train < MIN_ROWS_FOR_BINS:
        return f"No quantile bins: {n_train} rows that train are fewer than {MIN_ROWS_FOR_BINS}."
    if n_bins > most:
        rows = "" if most == MAX_BIN_INPUTS else f", a fifth of the {n_train} rows that train"
        return f"No quantile bins: {n_bins} inputs would be more than {most}{rows}."
    return f"{n_bins} inputs for the quantile bins of the numbers, for what is not smooth."
