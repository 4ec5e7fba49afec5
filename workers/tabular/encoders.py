"""How one column becomes numbers: what is learned from its training rows, and kept as plain data.

A number is imputed by the median and standardised; a category becomes one column per level, of
which one is 1 (one-hot), or the number of its level, for which the network learns a vector.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

NumericType = Literal["numeric", "boolean", "datetime"]
LevelType = Literal["categorical", "boolean"]
FeatureType = Literal["numeric", "boolean", "datetime", "categorical"]

MAX_LEVELS = 100
"""A category with more levels keeps the most frequent ones; the others share one column."""

UNSEEN, MISSING = 0, 1
"""The codes of categorical cells that stand at no level; the levels' codes follow."""

_SQUARABLE = 1e100
_NOWHERE = -1
_LEVELS = "levels"


@dataclass(frozen=True)
class NumericEncoder:
    """`(x - center) / scale`, a missing x standing at `fill`; beside it 1 where x is missing.

    A boolean is 0 or 1, a moment its seconds since 1970 UTC. `minimum` and `maximum` are those of
    the training rows. A scale of 0 marks a column that was constant in training: it is always 0 to
    the network, because its weights have not been taught. The indicator is there where some
    training rows miss a value and some have one.
    """

    name: str
    type: NumericType
    fill: float
    center: float
    scale: float
    minimum: float
    maximum: float
    indicator: bool

    @classmethod
    def fit(
        cls, name: str, kind: NumericType, values: Numbers, *, standardise: bool
    ) -> NumericEncoder:
        """Learn from the training rows' values (n,), NaN where missing.

        Mean and population standard deviation are those of the imputed column; without any value
        it stands at 0. A boolean's median is its majority, a tie counting as true.
        """
        missing = np.isnan(values)
        present = values[~missing]
        minimum = float(present.min()) if len(present) else 0.0
        maximum = float(present.max()) if len(present) else 0.0
        fill = float(np.median(present)) if len(present) else 0.0
        if kind == "boolean":
            fill = float(fill >= 0.5)
        center, scale = 0.0, 1.0
        if standardise:
            center, scale = moments(np.where(missing, fill, values))
        indicator = standardise and 0 < len(present) < len(values)
        return cls(name, kind, fill, center, scale, minimum, maximum, indicator)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What its columns are called."""
        return (self.name, f"{self.name} is missing") if self.indicator else (self.name,)

    def to_plain(self) -> dict[str, Any]:
        """The encoder as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class CategoricalEncoder:
    """One column per level, in sorted order; then "other", then "missing", where there are such.

    `levels` have a column each and `rare` levels share "other"; `has_missing` says that training
    rows miss values, which makes missing a level of its own. A level that training never saw is
    "other" too, or none of the columns where there is no "other": a column that was 0 in all of
    training would bring in initial weights that nothing has taught.
    """

    name: str
    levels: tuple[str, ...]
    rare: tuple[str, ...]
    has_missing: bool
    most_frequent: str | None
    type: Literal["categorical"] = "categorical"

    @classmethod
    def fit(cls, name: str, counts: Mapping[str, int], *, n_missing: int) -> CategoricalEncoder:
        """Learn from how often each level stands in the training rows; 0 times is never."""
        by_count = sorted(
            (level for level in counts if counts[level]), key=lambda x: (-counts[x], x)
        )
        return cls(
            name,
            levels=tuple(sorted(by_count[:MAX_LEVELS])),
            rare=tuple(sorted(by_count[MAX_LEVELS:])),
            has_missing=n_missing > 0,
            most_frequent=by_count[0] if by_count else None,
        )

    @property
    def outputs(self) -> tuple[str, ...]:
        """What its columns are called."""
        named = tuple(f"{self.name}={level}" for level in self.levels)
        other = (f"{self.name} is other",) if self.rare else ()
        missing = (f"{self.name} is missing",) if self.has_missing else ()
        return named + other + missing

    @cached_property
    def codes(self) -> dict[str, int]:
        """The code of every level that training rows had."""
        return {
            level: code for code, level in enumerate(self.levels + self.rare, start=MISSING + 1)
        }

    @cached_property
    def places(self) -> tuple[int, ...]:
        """By code, which of the outputs is 1; -1 for none of them."""
        n_levels, n_rare = len(self.levels), len(self.rare)
        other = n_levels if n_rare else _NOWHERE
        levels = (*range(n_levels), *(other for _ in range(n_rare)))
        if self.has_missing:
            missing = len(self.outputs) - 1
        else:
            missing = self.levels.index(self.most_frequent) if self.most_frequent else _NOWHERE
        return (other, missing, *levels)

    def to_plain(self) -> dict[str, Any]:
        """The encoder as plain data."""
        return asdict(self) | {"levels": list(self.levels), "rare": list(self.rare)}


@dataclass(frozen=True)
class LevelEncoder:
    """The number of the level, from 1 in sorted order; 0 for a missing or an unseen one.

    `levels` are all that training rows have. Level 0 was taught by the rows that miss a value,
    where `has_missing`, and by none otherwise.
    """

    name: str
    type: LevelType
    levels: tuple[str, ...]
    has_missing: bool

    @classmethod
    def fit(
        cls, name: str, kind: LevelType, counts: Mapping[str, int], *, n_missing: int
    ) -> LevelEncoder:
        """Learn from how often each level stands in the training rows; 0 times is never."""
        levels = tuple(sorted(level for level in counts if counts[level]))
        return cls(name, kind, levels, has_missing=n_missing > 0)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What its columns are called."""
        return (self.name,)

    @property
    def n_levels(self) -> int:
        """How many different numbers it writes, 0 among them."""
        return len(self.levels) + 1

    @cached_property
    def codes(self) -> dict[str, int]:
        """The code of every level that training rows had."""
        return {level: code for code, level in enumerate(self.levels, start=MISSING + 1)}

    def to_plain(self) -> dict[str, Any]:
        """The encoder as plain data."""
        return asdict(self) | {"levels": list(self.levels), "encoding": _LEVELS}


CodedEncoder = CategoricalEncoder | LevelEncoder
"""Those that read a code per cell; the other reads a number."""
Encoder = NumericEncoder | CodedEncoder


def encoder_from_plain(plain: Mapping[str, Any]) -> Encoder:
    """The encoder that `to_plain` wrote; KeyError or TypeError for anything else."""
    if plain.get("encoding") == _LEVELS:
        fields = {name: value for name, value in plain.items() if name != "encoding"}
        return LevelEncoder(**{**fields, "levels": tuple(plain["levels"])})
    if plain["type"] == "categorical":
        lists = {name: tuple(plain[name]) for name in ("levels", "rare")}
        return CategoricalEncoder(**{**plain, **lists})
    return NumericEncoder(**plain)


def moments(values: Numbers) -> tuple[float, float]:
    """Mean and population standard deviation (0 for equal values) of at least one value."""
    lowest, highest = float(values.min()), float(values.max())
    if lowest == highest:
        return lowest, 0.0
    # Other numbers' squares leave the range of float64; dividing costs the last bit at most.
    largest = max(abs(lowest), abs(highest))
    unit = 1.0 if 1 / _SQUARABLE < largest < _SQUARABLE else largest
    scaled = values / unit
    return float(scaled.mean()) * unit, float(scaled.std()) * unit
