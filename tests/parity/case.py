"""A case: one computation that both sides do, and how far apart their numbers may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

GATES = {
    "activation": 1e-12,
    "loss": 1e-12,
    "norm": 1e-12,
    "schedule": 1e-12,
    "optimizer": 1e-12,
    "gradient": 1e-12,
    "training": 1e-10,
    "training_float32": 1e-5,
    "lbfgs": 1e-10,
    "lbfgs_minimum": 1e-6,
    "scikit_learn": 1e-12,
}
"""The largest allowed deviation, |ours - theirs| / max(1, |theirs|), of any number of a case.

A minimum is flat: where it lies is known to about the root of the precision of its value.
Trainings in float32 are held to the peer's numbers in float64: beside its own float32 the gap
would be the sum of two roundings, either of which may be the larger.
"""


@dataclass(frozen=True)
class Case:
    """One computation: `kind` names it, `options` are plain data, `inputs` the numbers.

    `stored`: the other side's numbers are kept as reference vectors.
    """

    name: str
    kind: str
    options: dict[str, Any]
    inputs: Arrays
    stored: bool = False


def deviation(ours: Arrays, theirs: Arrays) -> float:
    """The largest of |ours - theirs| / max(1, |theirs|); infinite where one side is not finite."""
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    worst = 0.0
    for name, expected in theirs.items():
        found = np.asarray(ours[name], np.float64)
        expected = np.asarray(expected, np.float64)
        assert found.shape == expected.shape, name
        with np.errstate(invalid="ignore"):
            gaps = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
        worst = max(worst, float(np.where(np.isfinite(gaps), gaps, np.inf).max(initial=0.0)))
    return worst


def in_single_precision(arrays: Arrays) -> Arrays:
    """The same numbers as float32; labels as they are."""
    return {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in arrays.items()}


def in_double_precision(arrays: Arrays) -> Arrays:
    """The same numbers, exactly, as float64; labels as they are."""
    return {k: v.astype(np.float64) if v.dtype.kind == "f" else v for k, v in arrays.items()}
