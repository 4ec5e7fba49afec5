"""How auto makes inputs of columns: decided from their types and the rows, and why."""

from __future__ import annotations

from dataclasses import replace
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

BINS = 48
MAX_BINS = 1_600
"""More inputs than that are bins that few rows each would have to teach."""

MIN_ROWS_FOR_BINS = 400
"""Rows that train. On fewer, bins did worse by folds within the training rows of small tables."""

MIN_COUNT = 2
"""A level of one row is learned by heart; together they say what an unseen one is like."""

DATE_PARTS: tuple[DatePart, ...] = ("month", "day_of_week", "hour")


def decide_preprocessing(
    wish: ModelWish, features: Sequence[ColumnProfile], division: Division, bins: int | None = BINS
) -> tuple[Method, Iterator[str]]:
    """The wish's own preprocessing, or one for these columns with the reasons for it.

    `bins` is how many each number may have; None is none of them.
    """
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
        numeric = replace(plain.numeric, encoding="piecewise_linear", bins=bins)
        binned = replace(plain, numeric=numeric)
    n_bins = input_width(features, method=binned) - input_width(features, method=plain)
    has_bins = 0 < n_bins <= MAX_BINS and division.n_train >= MIN_ROWS_FOR_BINS

    def reasons() -> Iterator[str]:
        if any(column.type in ("numeric", "datetime") for column in features):
            yield "Numbers by median and quartiles, bent towards 3 and -3: outliers weigh little."
        if n_bins:
            yield _about_bins(n_bins, division.n_train)
        if n_moments:
            yield "Dates also by month, day of the week and hour, each on a circle."
        if plain.datetime.differences:
            yield "The days between every two columns of dates."

    return binned if has_bins else plain, reasons()


def _about_bins(n_bins: int, n_train: int) -> str:
    if n_train < MIN_ROWS_FOR_BINS:
        return f"No quantile bins: {n_train} rows that train are fewer than {MIN_ROWS_FOR_BINS}."
    if n_bins > MAX_BINS:
        return f"No quantile bins: {n_bins} inputs would be more than {MAX_BINS}."
    return f"{n_bins} inputs for the quantile bins of the numbers, for what is not smooth."
