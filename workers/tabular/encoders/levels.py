"""A column of levels: an input for each, one of them 1 (one-hot), or the number of its level."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.tabular.spec import CategoricalSpec

LevelType = Literal["categorical", "boolean"]

MAX_LEVELS = 100
"""A category with more levels keeps the most frequent ones; the others share one column."""

UNSEEN, MISSING = 0, 1
"""The codes of categorical cells that stand at no level; the levels' codes follow."""

ENCODING = "levels"
"""What marks a LevelEncoder as plain data: its type is that of its column."""

_NOWHERE = -1


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
    def fit(
        cls,
        name: str,
        counts: Mapping[str, int],
        *,
        n_missing: int,
        spec: CategoricalSpec | None = None,
    ) -> CategoricalEncoder:
        """Learn from how often each level stands in the training rows; 0 times is never."""
        by_count = _by_count(counts)
        n_frequent = _n_frequent(by_count, counts, spec, MAX_LEVELS)
        return cls(
            name,
            levels=tuple(sorted(by_count[:n_frequent])),
            rare=tuple(sorted(by_count[n_frequent:])),
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
        elif self.most_frequent in self.levels:
            missing = self.levels.index(self.most_frequent)
        else:
            missing = other
        return (other, missing, *levels)

    def to_plain(self) -> dict[str, Any]:
        """The encoder as plain data."""
        return asdict(self) | {"levels": list(self.levels), "rare": list(self.rare)}


@dataclass(frozen=True)
class LevelEncoder:
    """The number of the level, from 1 in sorted order; 0 for a missing or an unseen one.

    Level 0 was taught by the rows that miss a value, where `has_missing`, and by none otherwise.
    `rare` levels share the number behind the last, which then is that of unseen ones, too.
    """

    name: str
    type: LevelType
    levels: tuple[str, ...]
    has_missing: bool
    rare: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls,
        name: str,
        kind: LevelType,
        counts: Mapping[str, int],
        *,
        n_missing: int,
        spec: CategoricalSpec | None = None,
    ) -> LevelEncoder:
        """Learn from how often each level stands in the training rows; 0 times is never."""
        by_count = _by_count(counts)
        n_frequent = _n_frequent(by_count, counts, spec, len(by_count))
        levels, rare = sorted(by_count[:n_frequent]), sorted(by_count[n_frequent:])
        return cls(name, kind, tuple(levels), has_missing=n_missing > 0, rare=tuple(rare))

    @property
    def outputs(self) -> tuple[str, ...]:
        """What its columns are called."""
        return (self.name,)

    @property
    def n_levels(self) -> int:
        """How many different numbers it writes, 0 among them."""
        return len(self.levels) + 1 + bool(self.rare)

    @property
    def unseen(self) -> int:
        """The number of a level that training never saw."""
        return len(self.levels) + 1 if self.rare else 0

    @cached_property
    def codes(self) -> dict[str, int]:
        """The code of every level that training rows had."""
        codes = {level: code for code, level in enumerate(self.levels, start=MISSING + 1)}
        return codes | dict.fromkeys(self.rare, MISSING + 1 + len(self.levels))

    def to_plain(self) -> dict[str, Any]:
        """The encoder as plain data."""
        plain = asdict(self) | {"levels": list(self.levels), "encoding": ENCODING}
        rare = plain.pop("rare")
        return plain | {"rare": list(rare)} if rare else plain


def _by_count(counts: Mapping[str, int]) -> list[str]:
    """The levels that there are, the most frequent first."""
    return sorted((level for level in counts if counts[level]), key=lambda x: (-counts[x], x))


def _n_frequent(
    by_count: list[str], counts: Mapping[str, int], spec: CategoricalSpec | None, most: int
) -> int:
    """How many of the levels are not rare: at most `most`, unless the specification says."""
    if spec is None:
        return min(most, len(by_count))
    enough = sum(counts[level] >= spec.min_count for level in by_count)
    return min(enough, spec.max_levels or most)
