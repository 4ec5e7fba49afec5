"""The features' cells as numbers and codes, between a table or a request and the inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workers.tabular.encoders import (
    MISSING,
    UNSEEN,
    CodedEncoder,
    Encoder,
    FeatureType,
    NumericEncoder,
)
from workers.tabular.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Sequence

Column: TypeAlias = "pa.ChunkedArray[Any]"

MICROSECONDS = 1e6

_TRUTH = ("false", "true")


@dataclass(frozen=True)
class Features:
    """The cells of N rows: those read as numbers beside those read as levels, in their order.

    numbers (N, numeric) float64, NaN where missing; codes (N, coded), as the encoders count.
    """

    numbers: NDArray[np.float64]
    codes: NDArray[np.intp]


def features_of(table: pa.Table, encoders: Sequence[Encoder]) -> Features:
    """The cells of a stored table's columns that these encoders were fitted on."""
    numeric = [e for e in encoders if isinstance(e, NumericEncoder)]
    coded = [e for e in encoders if isinstance(e, CodedEncoder)]
    numbers = np.empty((table.num_rows, len(numeric)))
    codes = np.empty((table.num_rows, len(coded)), np.intp)
    for place, number in enumerate(numeric):
        numbers[:, place] = numbers_of(table[number.name])
    for place, category in enumerate(coded):
        codes[:, place] = _codes_of(table[category.name], category)
    return Features(numbers, codes)


def type_of(column: Column) -> FeatureType:
    """The feature type of a stored column."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return "categorical"
    if pa.types.is_boolean(kind):
        return "boolean"
    return "datetime" if pa.types.is_timestamp(kind) else "numeric"


def numbers_of(column: Column) -> NDArray[np.float64]:
    """A numeric, boolean or datetime column (N,) as numbers, NaN where missing."""
    kind = type_of(column)
    if kind == "categorical":
        raise TableError("column_type", "a column of categories where numbers were expected")
    numbers: NDArray[np.float64]
    if kind != "datetime":
        numbers = column.cast(pa.float64()).to_numpy()
        return numbers
    # Microseconds of other centuries have more digits than float64: they are rounded.
    numbers = column.cast(pa.int64()).cast(pa.float64(), safe=False).to_numpy()
    return numbers / MICROSECONDS


def level_counts(column: Column) -> tuple[dict[str, int], int]:
    """How often each level of a column stands in it, and how many cells are missing."""
    levels, places = levels_of(column)
    counts = np.bincount(places, minlength=len(levels) + 1).tolist()
    return dict(zip(levels, counts, strict=False)), counts[-1]


def levels_of(column: Column) -> tuple[list[str], NDArray[np.intp]]:
    """The levels of a categorical or boolean column, and each row's (N,) place among them.

    A missing cell has the place behind the last. A level may stand in no row.
    """
    if type_of(column) == "boolean":
        truth = column.cast(pa.int8()).fill_null(pa.scalar(len(_TRUTH), pa.int8())).to_numpy()
        return list(_TRUTH), truth.astype(np.intp)
    encoded: Any = column.unify_dictionaries().combine_chunks()
    levels: list[str] = encoded.dictionary.to_pylist()
    places = encoded.indices.fill_null(len(levels)).to_numpy()
    return levels, places.astype(np.intp)


def _codes_of(column: Column, encoder: CodedEncoder) -> NDArray[np.intp]:
    levels, places = levels_of(column)
    codes = np.array([*(encoder.codes.get(level, UNSEEN) for level in levels), MISSING], np.intp)
    return np.take(codes, places)
