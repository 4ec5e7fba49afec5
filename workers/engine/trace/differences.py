"""Every gradient again by central finite differences: the check that needs no calculus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workers.engine.tensors import Array
from workers.engine.trace.passes import Objective

if TYPE_CHECKING:
    from workers.engine.problem import Problem

STEP = 1e-6
GATE_RELATIVE = 1e-4
GATE_ABSOLUTE = 1e-7
"""Of a loss of 1 or less; a larger one is rounded so much more coarsely."""

_NEARER = 10.0
"""So much closer a kink is looked at again."""

_ROUNDING = 10.0
"""Of the absolute gate: what the slope on one side may be off by rounding."""

_STACKED_NUMBERS = 1 << 20
_MEMBERS = 64


@dataclass(frozen=True, eq=False)
class Differences:
    """For some entries (N,) of the parameters: the slope between the losses at w - h and w + h.

    `relative` is |gradient - central| / max(|gradient|, |central|), 0 where both are within the
    absolute gate: beside a gradient of 0, rounding alone would be an error of 1. At a kink
    (of a ReLU, of |e|) the loss has no slope but one on each side: there is nothing to compare
    with, and nothing fails.
    """

    central: Array
    relative: Array
    at_kink: NDArray[np.bool_]
    passed: NDArray[np.bool_]


def differences(
    problem: Problem,
    parameters: Array,
    entries: NDArray[np.intp],
    gradient: Array,
    *,
    on_kink: bool,
) -> Differences:
    """Compare the gradient (N,) of these entries (N,) of the parameters (P,).

    What does not agree is looked at again from nearer. `on_kink` says that some unit stands exactly
    at a kink: rows that cross it in opposite directions hide it from slopes on two sides.
    """
    losses = _Losses(problem, parameters)
    left, right = losses.slopes(entries, STEP)
    with np.errstate(all="ignore"):
        central = (left + right) / 2.0
    tolerance = GATE_ABSOLUTE * max(1.0, abs(losses.middle))
    relative, passed = _compared(gradient, central, tolerance)
    at_kink = np.zeros_like(passed)
    doubtful = np.flatnonzero(~passed)
    if len(doubtful):
        with np.errstate(all="ignore"):
            jump = np.abs(right - left)[doubtful]
            left, right = losses.slopes(entries[doubtful], STEP / _NEARER)
            central[doubtful] = (left + right) / 2.0
            relative, passed = _compared(gradient, central, tolerance)
            # A bend straightens out under the glass; a kink stays what it is.
            stays = (jump > _ROUNDING * tolerance) & (np.abs(right - left) > jump / 2.0)
        at_kink[doubtful] = (stays | on_kink) & ~passed[doubtful]
    return Differences(central, relative, at_kink, passed | at_kink)


def _compared(gradient: Array, central: Array, tolerance: float) -> tuple[Array, NDArray[np.bool_]]:
    with np.errstate(all="ignore"):
        off = np.abs(gradient - central)
        size = np.maximum(np.abs(gradient), np.abs(central))
        # What is not finite stays so, and passes nothing.
        is_nothing = np.isfinite(size) & (size <= tolerance)
        relative = np.where(is_nothing, 0.0, off / size)
        return relative, (relative <= GATE_RELATIVE) | (off <= tolerance)


class _Losses:
    """The objective on both sides of where it stands, for many parameters at a time."""

    def __init__(self, problem: Problem, parameters: Array) -> None:
        n_parameters = problem.network.n_parameters
        self._pairs = int(np.clip(_STACKED_NUMBERS // n_parameters, 2, _MEMBERS)) // 2
        self._objective = Objective(problem, 2 * self._pairs)
        self._parameters = parameters
        self._objective.parameters[:] = parameters
        self.middle = float(self._objective.values()[0])

    def slopes(self, entries: NDArray[np.intp], step: float) -> tuple[Array, Array]:
        """The slopes (N,) on the left and on the right of each entry (N,)."""
        h = step * np.maximum(1.0, np.abs(self._parameters[entries]))
        above, below = np.empty(len(entries)), np.empty(len(entries))
        moved, pairs = self._objective.parameters, self._pairs
        for start in range(0, len(entries), pairs):
            part = slice(start, start + pairs)
            n = len(entries[part])
            moved[:] = self._parameters
            moved[np.arange(n), entries[part]] += h[part]
            moved[pairs + np.arange(n), entries[part]] -= h[part]
            found = self._objective.values()
            above[part], below[part] = found[:n], found[pairs : pairs + n]
        with np.errstate(all="ignore"):
            return (self.middle - below) / h, (above - self.middle) / h
