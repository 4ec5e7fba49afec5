"""Numbers of a trace as plain data, within a bound on how many there are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workers.engine.tensors import Array, Shape

MAX_NUMBERS = 200_000
_FOR_LAYERS = MAX_NUMBERS // 2
_PER_ENTRY = 12
"""What is told of one parameter, at most: before, gradients, difference, moments, after."""


class Plain:
    """Arrays as nested lists; a number that is not finite is null there, and named beside."""

    def __init__(self) -> None:
        self.nonfinite: dict[str, str] = {}

    def __call__(self, name: str, array: Array) -> list[Any]:
        """The array as lists, under a name of its own in the trace."""
        finite = np.isfinite(array)
        if finite.all():
            plain: list[Any] = array.tolist()
            return plain
        self.nonfinite[name] = _kind(float(array[~finite].reshape(-1)[0]))
        nulled: list[Any] = np.where(finite, array.astype(object), np.array(None)).tolist()
        return nulled

    def number(self, name: str, value: float) -> float | None:
        """One number."""
        if math.isfinite(value):
            return value
        self.nonfinite[name] = _kind(value)
        return None


def _kind(value: float) -> str:
    if math.isnan(value):
        return "nan"
    return "inf" if value > 0.0 else "-inf"


def columns_shown(n_rows: int, widths: list[int], arrays: int) -> int:
    """How many columns of each layer's arrays (B, O) are shown: all, where that is not too much."""
    least, most = 1, max(widths)
    while least < most:
        middle = (least + most + 1) // 2
        total = n_rows * arrays * sum(min(width, middle) for width in widths)
        least, most = (middle, most) if total <= _FOR_LAYERS else (least, middle - 1)
    return least


def chosen_entries(shapes: Mapping[str, Shape], most: int) -> dict[str, NDArray[np.intp]]:
    """Which entries of each tensor are shown: all, or evenly spread ones, at most so many in all.

    Small tensors are shown whole first; each has one entry at least.
    """
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    left = min(most, (MAX_NUMBERS - _FOR_LAYERS) // _PER_ENTRY)
    counts: dict[str, int] = {}
    for place, name in enumerate(sorted(sizes, key=lambda name: sizes[name])):
        share = left // (len(sizes) - place)
        counts[name] = min(sizes[name], max(1, share))
        left = max(0, left - counts[name])
    return {
        name: np.linspace(0, size - 1, counts[name]).round().astype(np.intp)
        for name, size in sizes.items()
    }
