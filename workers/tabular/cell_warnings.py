"""What the user should know of cells that were replaced, or are unlike those of the training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from workers.tabular.encoders import (
    MISSING,
    UNSEEN,
    CategoricalEncoder,
    CodedEncoder,
    NumericEncoder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from workers.tabular.encoders import Encoder
    from workers.tabular.features import Features

WarningCode = Literal[
    "unseen_category", "imputed", "out_of_range", "target_ignored", "column_ignored"
]
Used = str | float | bool | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class CellWarning:
    """A cell that a model took otherwise than it stands, or has not seen the like of.

    `used` is what was read in its place: the median for a missing number, the most frequent level
    for a missing category; the number itself where it is out of the training rows' range; None
    for an unseen category, which stands at no level of its own, and for a missing one that is
    read as such. `target_ignored` and `column_ignored` are of a whole column, which its first row
    stands for.
    """

    row: int
    column: str
    code: WarningCode
    used: Used


class CellWarnings:
    """Finds the warnings of any features for one fitted preprocessing."""

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        self._numeric = [e for e in encoders if isinstance(e, NumericEncoder)]
        self._coded = [e for e in encoders if isinstance(e, CodedEncoder)]
        self._minimum = np.array([e.minimum for e in self._numeric])
        self._maximum = np.array([e.maximum for e in self._numeric])
        self._knows_missing = np.array([e.has_missing for e in self._coded], bool)

    def of(self, features: Features) -> tuple[CellWarning, ...]:
        """The warnings, by row and within a row by numeric, then categorical feature.

        A missing category that is a level of its own is nothing to warn of.
        """
        numbers, codes = features.numbers, features.codes
        # A NaN compares as false, so a missing number is never in range.
        odd_numbers = ~((numbers >= self._minimum) & (numbers <= self._maximum))
        odd_codes = (codes == UNSEEN) | ((codes == MISSING) & ~self._knows_missing)
        if not odd_numbers.any() and not odd_codes.any():
            return ()
        found = [*self._of_numbers(numbers, odd_numbers), *self._of_codes(codes, odd_codes)]
        return tuple(sorted(found, key=lambda warning: warning.row))

    def _of_numbers(
        self, numbers: NDArray[np.float64], odd: NDArray[np.bool]
    ) -> Iterator[CellWarning]:
        for row, place in np.argwhere(odd).tolist():
            encoder, number = self._numeric[place], float(numbers[row, place])
            if math.isnan(number):
                yield CellWarning(row, encoder.name, "imputed", _as_cell(encoder, encoder.fill))
            else:
                yield CellWarning(row, encoder.name, "out_of_range", _as_cell(encoder, number))

    def _of_codes(self, codes: NDArray[np.intp], odd: NDArray[np.bool]) -> Iterator[CellWarning]:
        for row, place in np.argwhere(odd).tolist():
            encoder = self._coded[place]
            if codes[row, place] == UNSEEN:
                yield CellWarning(row, encoder.name, "unseen_category", None)
            else:
                used = encoder.most_frequent if isinstance(encoder, CategoricalEncoder) else None
                yield CellWarning(row, encoder.name, "imputed", used)


def _as_cell(encoder: NumericEncoder, number: float) -> Used:
    if encoder.type == "boolean":
        return bool(number)
    if encoder.type == "datetime":
        moment = _EPOCH + timedelta(seconds=number)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return number
