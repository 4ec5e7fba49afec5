"""A column of numbers, truths or moments: imputed by the median, scaled, and more beside it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workers.tabular.curves import Curve, fit_curve, robust_moments
from workers.tabular.date_parts import fit_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.tabular.spec import DatetimeSpec, NumericSpec

    Numbers = NDArray[np.float64]

NumericType = Literal["numeric", "boolean", "datetime"]

_SQUARABLE = 1e100


@dataclass(frozen=True)
class NumericEncoder:
    """`(x - center) / scale`, a missing x standing at `fill`; beside it 1 where x is missing.

    A boolean is 0 or 1, a moment its seconds since 1970 UTC. `minimum` and `maximum` are those of
    the training rows. A scale of 0 marks a column that was constant in training: it is always 0 to
    the network, because its weights have not been taught. The indicator is there where some
    training rows miss a value and some have one. `curve` is what is done to it beside that.
    """

    name: str
    type: NumericType
    fill: float
    center: float
    scale: float
    minimum: float
    maximum: float
    indicator: bool
    curve: Curve = Curve()  # noqa: RUF009 - a frozen value

    @classmethod
    def fit(
        cls, name: str, kind: NumericType, values: Numbers, *, standardise: bool
    ) -> NumericEncoder:
        """Learn from the training rows' values (n,), NaN where missing.

        Mean and population standard deviation are those of the imputed column; without any value
        it stands at 0. A boolean's median is its majority, a tie counting as true.
        """
        missing = np.isnan(values)
        some_are_missing = bool(missing.any())
        present = values[~missing] if some_are_missing else values
        minimum = float(present.min()) if len(present) else 0.0
        maximum = float(present.max()) if len(present) else 0.0
        fill = median(present) if len(present) else 0.0
        if kind == "boolean":
            fill = float(fill >= 0.5)
        center, scale = 0.0, 1.0
        if standardise:
            center, scale = moments(np.where(missing, fill, values) if some_are_missing else values)
        indicator = standardise and 0 < len(present) < len(values)
        return cls(name, kind, fill, center, scale, minimum, maximum, indicator)

    @classmethod
    def fit_to(
        cls,
        name: str,
        kind: NumericType,
        values: Numbers,
        numeric: NumericSpec,
        moment: DatetimeSpec,
    ) -> NumericEncoder:
        """Learn what a specification asks for, from the training rows' values as `fit` does."""
        is_scaled = numeric.scaling != "none"
        found = cls.fit(name, kind, values, standardise=is_scaled)
        present = values[~np.isnan(values)]
        indicator = numeric.missing_indicator and 0 < len(present) < len(values)
        found = replace(found, indicator=indicator)
        if kind == "boolean" or found.minimum == found.maximum:
            return found
        if numeric.scaling == "robust":
            center, scale = robust_moments(present)
            found = replace(found, center=center, scale=scale)
        elif numeric.scaling == "quantile":
            found = replace(found, center=0.0, scale=1.0)
        parts = fit_parts(moment, present) if kind == "datetime" else ()
        return replace(found, curve=fit_curve(numeric, present, parts))

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """What its columns are called."""
        missing = (f"{self.name} is missing",) if self.indicator else ()
        return (self.name, *missing, *self.curve.outputs(self.name))

    def scaled(self, cells: Numbers) -> Numbers:
        """What stands at the column's own input, (N,), of cells that are NaN where missing."""
        x = np.where(np.isnan(cells), self.fill, cells)
        with np.errstate(over="ignore"):
            return self.curve.scaled(x, (x - self.center) / (self.scale or np.inf))

    def beside(self, cells: Numbers) -> Numbers:
        """The inputs (N, K) behind those of the value and of the indicator."""
        missing = np.isnan(cells)
        return self.curve.beside(np.where(missing, self.fill, cells), missing)

    def to_plain(self) -> dict[str, Any]:
        """The encoder as plain data."""
        plain = asdict(self)
        if self.curve.is_linear:
            del plain["curve"]
        return plain


def median(values: Numbers) -> float:
    """The median of at least one value, none of them NaN.

    As np.median, which looks for NaN and for each of two middles by itself: several times as long.
    """
    half = len(values) // 2
    parted = np.partition(values, half)
    # A sum that begins at 0, as NumPy's do: no median is -0.
    upper = 0.0 + float(parted[half])
    return upper if len(values) % 2 else (float(parted[:half].max()) + upper) / 2


def moments(values: Numbers) -> tuple[float, float]:
    """Mean and population standard deviation (0 for equal values) of at least one value."""
    lowest, highest = float(values.min()), float(values.max())
    if lowest == highest:
        return lowest, 0.0
    # Other numbers' squares leave the range of float64; dividing costs the last bit at most.
    largest = max(abs(lowest), abs(highest))
    if 1 / _SQUARABLE < largest < _SQUARABLE:
        return float(values.mean()), float(values.std())
    scaled = values / largest
    return float(scaled.mean()) * largest, float(scaled.std()) * largest
