"""Every way to compute against plain NumPy in float64, on all cases that there are."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.parity.case import GATES, Case, deviation, in_single_precision
from tests.parity.cases.table import cases
from tests.parity.ours.table import compute
from tests.parity.problems import network_of
from tests.parity.specs import training
from tests.workers.engine.guard.kernels import Transfers, guard_kernels
from workers.engine.chunk_plan import covers
from workers.engine.kernels.chunk import CHUNKED
from workers.engine.kernels.compiled import COMPILED
from workers.engine.kernels.plain import PLAIN

if TYPE_CHECKING:
    from tests.parity.case import Arrays
    from workers.engine.kernels.contract import Kernels

LIMITS = {"float64": 1e-12, "float32": 1e-5}
PATHS: dict[str, Kernels] = {
    "plain": PLAIN,
    "compiled": COMPILED,
    "chunk": CHUNKED,
    "device": guard_kernels(Transfers()),
}
KINDS = sorted(set(GATES) - {"schedule", "lbfgs_minimum", "training_float32", "scikit_learn"})
"""No kernel computes a schedule; the others are trainings like the rest."""

PARTS = {"training": 2, "lbfgs": 4}
"""In float32 a training takes this part of its steps: later on every rounding has grown."""


@cache
def every_case() -> list[Case]:
    """Of seed 0."""
    return list(cases(0))


def of_kind(kind: str) -> list[Case]:
    """Cases of seed 0."""
    return [case for case in every_case() if case.kind == kind]


@pytest.mark.parametrize("precision", LIMITS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", PATHS)
def test_every_path_gives_the_numbers_of_the_reference(
    path: str, kind: str, precision: str
) -> None:
    """Gates: 1e-12 in float64, and 1e-5 in float32; trainings over 100 and 50 steps."""
    misses = {}
    for case in of_kind(kind):
        if path == "chunk" and not _is_covered(case):
            continue
        case = _in(precision, case)
        gap = deviation(compute(case, PATHS[path]), compute(_reference(case), PLAIN))
        if not gap <= LIMITS[precision]:
            misses[case.name] = gap
    assert not misses


def test_a_chunk_covers_much_of_what_is_trained() -> None:
    covered = [case for case in of_kind("training") if _is_covered(case)]
    assert len(covered) > 25


def _is_covered(case: Case) -> bool:
    if "training" not in case.options:
        return False
    return covers(network_of(case.options), training(case.options["training"]))


def _in(precision: str, case: Case) -> Case:
    if precision == "float64":
        return case
    return replace(case, options=_precise(case, "float32"), inputs=in_single_precision(case.inputs))


def _reference(case: Case) -> Case:
    """The same numbers, computed in float64."""
    double: Arrays = {
        name: a.astype(np.float64) if a.dtype.kind == "f" else a for name, a in case.inputs.items()
    }
    return replace(case, options=_precise(case, "float64"), inputs=double)


def _precise(case: Case, precision: str) -> dict[str, Any]:
    options = dict(case.options)
    if "training" in options:
        options["training"] = dict(options["training"]) | {"precision": precision}
        if precision == "float32":
            options["training"]["epochs"] //= PARTS[case.kind]
    return options
