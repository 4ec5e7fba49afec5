"""A line search for the strong Wolfe conditions (Nocedal and Wright 2006, 3.5).

Along a direction of descent, phi(t) with slope phi'(t), a step t is accepted when it descends
enough, phi(t) <= phi(0) + c1 t phi'(0), and the slope has flattened, |phi'(t)| <= c2 |phi'(0)|.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

ENOUGH = 1e-4
FLAT = 0.9
_NARROW = 1e-9
"""A bracket narrower than this, relative to its step, is not searched any further."""


class Point(NamedTuple):
    """A step, the objective there, and its slope along the direction; infinite where undefined."""

    t: float
    value: float
    slope: float


class LineSearch:
    """One search; `evaluations` are those that it may still use."""

    def __init__(self, at: Callable[[float], Point], start: Point, evaluations: int) -> None:
        self._at = at
        self._start = start
        self._evaluations = evaluations

    def run(self, t: float) -> Point:
        """Search from the step t; the best point found, the start itself where none is better."""
        before = self._start
        while self._evaluations > 0:
            point = self._evaluate(t)
            if self._is_too_high(point, before):
                return self._zoom(before, point)
            if self._is_flat(point):
                return point
            if point.slope >= 0.0:
                return self._zoom(point, before)
            # Still going down: further on, between a little and ten times as far.
            t = _minimum(before, point, (t + 0.01 * (t - before.t), 10.0 * t))
            before = point
        return before

    def _zoom(self, low: Point, high: Point) -> Point:
        """Narrow a bracket: `low` is the best point so far, and the slope there points to `high`.

        Algorithm 3.6; the new point is kept a tenth of the bracket away from both its ends.
        """
        while self._evaluations > 0:
            width = abs(high.t - low.t)
            if width <= _NARROW * max(abs(high.t), abs(low.t)):
                break
            ends = sorted((low.t, high.t))
            t = _minimum(low, high, (ends[0] + 0.1 * width, ends[1] - 0.1 * width))
            point = self._evaluate(t)
            if self._is_too_high(point, low):
                high = point
                continue
            if self._is_flat(point):
                return point
            if point.slope * (high.t - low.t) >= 0.0:
                high = low
            low = point
        return low

    def _evaluate(self, t: float) -> Point:
        self._evaluations -= 1
        return self._at(t)

    def _is_too_high(self, point: Point, best: Point) -> bool:
        enough = self._start.value + ENOUGH * point.t * self._start.slope
        beaten = best.t > 0.0 and point.value >= best.value
        return not point.value <= enough or beaten

    def _is_flat(self, point: Point) -> bool:
        return abs(point.slope) <= -FLAT * self._start.slope


def _minimum(a: Point, b: Point, bounds: tuple[float, float]) -> float:
    """Where the cubic through two points with their slopes is least, within bounds (3.59).

    The middle of the bounds where there is no such cubic.
    """
    low, high = bounds
    middle = 0.5 * (low + high)
    if not all(map(math.isfinite, (*a, *b))) or a.t == b.t:
        return middle
    d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if square < 0.0:
        return middle
    d2 = math.copysign(math.sqrt(square), b.t - a.t)
    below = b.slope - a.slope + 2.0 * d2
    if below == 0.0:
        return middle
    t = b.t - (b.t - a.t) * (b.slope + d2 - d1) / below
    return min(max(t, low), high) if math.isfinite(t) else middle
