"""The days between two columns of moments, as an input."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.tabular.date_parts import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

MAX_MOMENTS = 16
"""Of more columns there would be too many pairs."""


@dataclass(frozen=True)
class Difference:
    """`(days from second to first - center) / scale`; 0 where either moment is missing."""

    first: str
    second: str
    center: float
    scale: float

    @property
    def output(self) -> str:
        """What the input is called."""
        return f"days from {self.second} to {self.first}"

    def inputs(self, first: Numbers, second: Numbers) -> Numbers:
        """The input (N,) of two columns in seconds, NaN where missing."""
        scaled = ((first - second) / DAY - self.center) / self.scale
        return np.where(np.isnan(scaled), 0.0, scaled)

    def to_plain(self) -> dict[str, Any]:
        """The difference as plain data."""
        return asdict(self)


def fit_differences(moments: Mapping[str, Numbers]) -> tuple[Difference, ...]:
    """The differences that vary among the training rows, which have these seconds by column."""
    found = []
    for second, first in combinations(moments, 2):
        days = (moments[first] - moments[second]) / DAY
        days = days[~np.isnan(days)]
        if len(days) and days.min() != days.max():
            found.append(Difference(first, second, float(days.mean()), float(days.std())))
    return tuple(found)
