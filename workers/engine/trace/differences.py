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

_STACKED_NUMBERS = 1 << 20
_MEMBERS = 64


@dataclass(frozen=True, eq=False)
class Differences:
    """For some entries (N,) of the parameters: the slope between the losses at w - h and w + h.

    `relative` is |gradient - central| / max(|gradient|, |central|), 0 where both are 0. At a kink
    (of a ReLU, of |e|) the slopes on its two sides differ, and a gradient between them is right.
    """

    central: Array
    relative: Array
    at_kink: NDArray[np.bool_]
    passed: NDArray[np.bool_]


def differences(
    problem: Problem, parameters: Array, entries: NDArray[np.intp], gradient: Array
) -> Differences:
    """Compare the gradient (N,) of these entries (N,) of the parameters (P,)."""
    n_parameters = problem.network.n_parameters
    members = int(np.clip(_STACKED_NUMBERS // n_parameters, 2, _MEMBERS)) // 2 * 2
    objective = Objective(problem, members)
    objective.parameters[:] = parameters
    middle = float(objective.values()[0])
    h = STEP * np.maximum(1.0, np.abs(parameters[entries]))
    above, below = np.empty(len(entries)), np.empty(len(entries))
    for start in range(0, len(entries), members // 2):
        part = slice(start, start + members // 2)
        n = len(entries[part])
        objective.parameters[:] = parameters
        objective.parameters[np.arange(n), entries[part]] += h[part]
        objective.parameters[members // 2 + np.arange(n), entries[part]] -= h[part]
        found = objective.values()
        above[part], below[part] = found[:n], found[members // 2 : members // 2 + n]
    return _judged(gradient, middle, above, below, h)


def _judged(gradient: Array, middle: float, above: Array, below: Array, h: Array) -> Differences:
    with np.errstate(all="ignore"):
        central = (above - below) / (2.0 * h)
        right, left = (above - middle) / h, (middle - below) / h
        off = np.abs(gradient - central)
        size = np.maximum(np.abs(gradient), np.abs(central))
        # What is not finite stays so, and passes nothing.
        relative = np.where(size == 0.0, 0.0, off / size)
        tolerance = GATE_ABSOLUTE * max(1.0, abs(middle))
        passed = (relative <= GATE_RELATIVE) | (off <= tolerance)
        # One-sided slopes are good to h times the curvature and to the rounding of the loss only.
        lowest, highest = np.minimum(left, right), np.maximum(left, right)
        room = GATE_RELATIVE * size + 10.0 * tolerance
        at_kink = ~passed & (highest - lowest > room)
        within = (gradient >= lowest - room) & (gradient <= highest + room)
    return Differences(central, relative, at_kink, passed | (at_kink & within))
