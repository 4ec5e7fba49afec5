"""Statistics of columns of numbers, and of moments, which are numbers of microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from workers.tabular.cell_readers import spelled
from workers.tabular.cells import LARGEST_EXACT_INTEGER
from workers.tabular.features import MICROSECONDS
from workers.tabular.histograms import histogram, most_frequent
from workers.tabular.profile import ColumnProfile, TableWarning, TopValue
from workers.tabular.types import AS_WRITTEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.tabular.cells import Chunks
    from workers.tabular.types import ColumnType, DateOrder

# As many as numbers may be codes of classes.
N_TOP = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST_COUNTED_ROWS = 20
# Larger ones are quantities, which are as exact as any number.
_LONGEST_CODE = 1e22


def numeric_profile(
    name: str, column: Chunks, wished: ColumnType | None
) -> tuple[ColumnProfile, TableWarning | None]:
    """The profile of an int64 or float64 column without NaN and infinity."""
    values = column.drop_null().to_numpy()
    ordered = np.sort(values)
    mean, std = _moments(values)
    integer = len(values) > 0 and _are_whole(values)
    distinct = count_distinct(ordered)
    profile = ColumnProfile(
        name=name,
        type="numeric",
        missing=column.null_count,
        distinct=distinct,
        min=float(ordered[0]) if len(ordered) else None,
        max=float(ordered[-1]) if len(ordered) else None,
        mean=mean,
        std=std,
        top=_few(ordered) if distinct <= N_TOP else (),
        integer=integer,
        reason=reason_for("a whole number" if integer else "a number", column, wished),
        histogram=histogram(ordered),
    )
    warning = None
    if integer:
        warning = _rounding_warning(name, ordered) or _row_number_warning(name, values, ordered)
    return profile, warning


def time_profile(
    name: str, column: Chunks, wished: ColumnType | None, order: DateOrder | None = None
) -> ColumnProfile:
    """The profile of a timestamp[us] column; `order` if its text was as 05/01/2024."""
    written = "2024-05-31 or 31.05.2024"
    if order is not None:
        first = "day" if order == "day_first" else "month"
        written = f"{AS_WRITTEN[order]}, the {first} first"
    ordered = np.sort(column.drop_null().cast(pa.int64()).to_numpy())
    values, counts = most_frequent(ordered, N_TOP)
    return ColumnProfile(
        name=name,
        type="datetime",
        missing=column.null_count,
        distinct=count_distinct(ordered),
        min=float(ordered[0]) / MICROSECONDS if len(ordered) else None,
        max=float(ordered[-1]) / MICROSECONDS if len(ordered) else None,
        mean=None,
        std=None,
        top=tuple(
            TopValue(_moment(ticks), n)
            for ticks, n in zip(values.tolist(), counts.tolist(), strict=True)
        ),
        integer=False,
        reason=reason_for(f"a date, as {written}", column, wished),
        histogram=histogram(ordered, MICROSECONDS),
    )


def reason_for(what: str, column: Chunks, wished: ColumnType | None) -> str:
    """Why a column has its type, where each of its cells is `what` it should be."""
    if wished:
        return "the schema says so"
    n_cells = len(column) - column.null_count
    if not column.null_count:
        return f"each of {n_cells} cells is {what}"
    return f"each of {n_cells} cells is {what}, and {column.null_count} are missing"


def _few(ordered: NDArray[np.generic]) -> tuple[TopValue, ...]:
    """The few numbers of a column as the labels that they may be, most frequent first."""
    values, counts = most_frequent(ordered, N_TOP)
    return tuple(
        TopValue(spelled(float(value)), count)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True)
    )


def count_distinct(ordered: NDArray[np.generic]) -> int:
    """The number of different values in an ascending array.

    NumPy's unique takes many times as long on integers that hardly repeat.
    """
    return min(1, len(ordered)) + int(np.count_nonzero(ordered[1:] != ordered[:-1]))


def _moments(values: NDArray[np.generic]) -> tuple[float | None, float | None]:
    """Mean and population standard deviation, also where their sums leave the range of float64."""
    if not len(values):
        return None, None
    numbers = values.astype(np.float64, copy=False)
    largest = max(abs(float(numbers.min())), abs(float(numbers.max())))
    scale = 1.0 if 1e-100 < largest < 1e100 or largest == 0 else largest
    scaled = numbers if scale == 1.0 else numbers / scale
    return float(scaled.mean()) * scale, float(scaled.std()) * scale


def _are_whole(values: NDArray[np.generic]) -> bool:
    if values.dtype.kind == "i":
        return True
    # Most columns show in their first values that they are not.
    return all(bool((part == np.rint(part)).all()) for part in (values[:1000], values))


def _rounding_warning(name: str, ordered: NDArray[np.generic]) -> TableWarning | None:
    largest = max(-float(ordered[0]), float(ordered[-1]))
    if not LARGEST_EXACT_INTEGER < largest < _LONGEST_CODE:
        return None
    detail = (
        "whole numbers beyond 2^53 are rounded, so that neighbours become equal: if they are codes "
        'upload the file again with {"type": "categorical"} for the column'
    )
    return TableWarning("rounded_numbers", name, detail)


def _row_number_warning(
    name: str, values: NDArray[np.generic], ordered: NDArray[np.generic]
) -> TableWarning | None:
    if len(values) < _LEAST_COUNTED_ROWS:
        return None
    steps = np.diff(ordered)
    if not steps[0] or (steps != steps[0]).any():
        return None
    what = "every value stands in one row, and they go up in even steps"
    if (np.diff(values) == 1).all():
        what = "every value is the one before plus 1"
    detail = f"{what}: leave the column out if it only counts rows"
    return TableWarning("id_like", name, detail)


def _moment(ticks: int) -> str:
    text = (_EPOCH + timedelta(microseconds=ticks)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
