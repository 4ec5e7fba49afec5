"""Parts of moments as inputs: the month, the hour and the like, on a circle or as numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workers.tabular.spec import DatePart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workers.tabular.spec import DatetimeSpec

    Numbers = NDArray[np.float64]

DAY = 86_400.0
_HOUR = 3_600.0
# From the year 1 to the year 9999, and the first of 1970 was a Thursday.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
_THURSDAY = 3

_CYCLES: Mapping[DatePart, int] = {"month": 12, "day_of_year": 366, "day_of_week": 7, "hour": 24}


def _circle(steps: int) -> Numbers:
    """Sine and cosine (steps, 2) of each step of a circle."""
    angles = [2 * math.pi * step / steps for step in range(steps)]
    return np.array([(math.sin(angle), math.cos(angle)) for angle in angles])


_CIRCLES = {part: _circle(steps) for part, steps in _CYCLES.items()}


@dataclass(frozen=True)
class FittedPart:
    """One part of a moment: on a circle, or standardised by the training rows."""

    part: DatePart
    cyclic: bool
    center: float
    scale: float

    def outputs(self, name: str) -> tuple[str, ...]:
        """What its inputs are called, for this column."""
        said = f"{name} {self.part.replace('_', ' ')}"
        return (f"{said} (sine)", f"{said} (cosine)") if self.cyclic else (said,)

    def inputs(self, x: Numbers, missing: NDArray[np.bool]) -> Numbers:
        """Its inputs (N, 1 or 2) of seconds since 1970, x (N,); 0 where a cell is missing."""
        step = part_of(x, self.part)
        found: Numbers
        if self.cyclic:
            found = _CIRCLES[self.part][step]
        else:
            found = np.divide(step - self.center, self.scale, dtype=np.float64)[:, None]
        found[missing] = 0.0
        return found


def fit_parts(spec: DatetimeSpec, present: Numbers) -> tuple[FittedPart, ...]:
    """The parts that are not the same in all training rows, which have these moments."""
    found = []
    for part in dict.fromkeys(spec.parts):
        steps = part_of(present, part)
        if len(steps) and steps.min() != steps.max():
            is_cyclic = spec.cyclic and part in _CYCLES
            center, scale = (0.0, 1.0) if is_cyclic else (float(steps.mean()), float(steps.std()))
            found.append(FittedPart(part, is_cyclic, center, scale))
    return tuple(found)


def part_of(x: Numbers, part: DatePart) -> NDArray[np.int64]:
    """The part of each moment (N,) in seconds since 1970 UTC: the year, or a number from 0."""
    day_number = np.floor(x / DAY)
    if part == "hour":
        hour: NDArray[np.int64] = np.clip((x - day_number * DAY) // _HOUR, 0, 23).astype(np.int64)
        return hour
    days = np.clip(day_number, _FIRST_DAY, _LAST_DAY).astype(np.int64)
    if part == "day_of_week":
        return (days + _THURSDAY) % 7
    return _of_calendar(days.astype("datetime64[D]"), part)


def _of_calendar(dates: NDArray[np.datetime64], part: DatePart) -> NDArray[np.int64]:
    years = dates.astype("datetime64[Y]")
    found: NDArray[np.int64]
    if part == "month":
        found = dates.astype("datetime64[M]").astype(np.int64) % 12
    elif part == "year":
        found = years.astype(np.int64) + 1970
    else:
        found = (dates - years.astype("datetime64[D]")).astype(np.int64)
    return found
