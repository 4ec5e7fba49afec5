"""Every way to compute against plain NumPy in float64, on all cases that there are."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.parity import catalogue
from tests.parity.case import GATES, Case, deviation, in_double_precision, in_single_precision
from tests.parity.cases.functions import LOSSES, label
from tests.parity.cases.table import cases
from tests.parity.cases.trainings import BASE, Training, case_of, has_jump
from tests.parity.ours.table import compute
from tests.parity.problems import Problem, network_of
from tests.parity.specs import training as training_of
from tests.workers.engine.guard.devices import DEVICES
from workers.engine.kernels.chunk import CHUNKED
from workers.engine.kernels.compiled import COMPILED
from workers.engine.kernels.plain import PLAIN
from workers.engine.losses import OUTPUT_ACTIVATIONS
from workers.engine.spec import (
    AdamWSpec,
    BinaryCrossEntropySpec,
    DenseSpec,
    DropoutSpec,
    MseSpec,
    NetworkSpec,
    SgdSpec,
    SoftmaxCrossEntropySpec,
)
from workers.engine.steps.chunk_plan import covers

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Kernels

LIMITS = {"float64": 1e-12, "float32": 1e-5}
PATHS: dict[str, Kernels] = {
    "plain": PLAIN,
    "compiled": COMPILED,
    "chunk": CHUNKED,
    **{name: kernels() for name, kernels in DEVICES.items()},
}
"""The devices are an array module that behaves like CuPy, and a GPU where there is one."""

KINDS = sorted(set(GATES) - {"schedule", "lbfgs_minimum", "training_float32", "scikit_learn"})
"""No kernel computes a schedule; the others are trainings like the rest."""

PARTS = {"training": 2, "lbfgs": 4}
"""In float32 a training takes this part of its steps: later on every rounding has grown."""


HEADS = (
    (MseSpec(), "identity"),
    (BinaryCrossEntropySpec(), "sigmoid"),
    (SoftmaxCrossEntropySpec(label_smoothing=0.1), "softmax"),
    (MseSpec(), "gelu"),
)
ADAMW = AdamWSpec(learning_rate=0.003)
NESTEROV = SgdSpec(learning_rate=0.01, momentum=0.9, nesterov=True)


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
    """Gates: 1e-12 in float64 and 1e-5 in float32; trainings over 100 and 50 steps.

    In float32 without jumps of the gradient: no two roundings jump at the same step.
    """
    misses = {}
    for case in of_kind(kind):
        if path == "chunk" and not _is_covered(case):
            continue
        if precision == "float32" and "training" in case.options and has_jump(case.options):
            continue
        case = _in(precision, case)
        gap = deviation(compute(case, PATHS[path]), compute(_reference(case), PLAIN))
        if not gap <= LIMITS[precision]:
            misses[case.name] = gap
    assert not misses


@pytest.mark.parametrize("precision", LIMITS)
@pytest.mark.parametrize("units", [(1, 1), (16, 16), (67, 130), (256, 17)])
@pytest.mark.parametrize("path", PATHS)
def test_no_path_loses_the_ends_of_its_vectors(
    path: str, units: tuple[int, int], precision: str
) -> None:
    """Widths and batches around those of vector registers; every pointwise activation and head.

    By descent in float32: Adam makes full steps of gradients that are nothing but rounding.
    """
    for number, activation in enumerate(catalogue.POINTWISE):
        loss, output = HEADS[number % len(HEADS)]
        dense = [DenseSpec(units=width, activation=activation) for width in units]
        layers = (dense[0], DropoutSpec(rate=0.3), dense[1])
        problem = Problem(
            NetworkSpec(layers=layers, skip=True),
            loss,
            output,
            n_inputs=units[1] + 1,
            n_outputs=1 + number,
            rows=137,
            weighted=True,
        )
        optimizer = ADAMW if precision == "float64" else NESTEROV
        spec = replace(BASE, epochs=4, batch_size=64, loss=loss, optimizer=optimizer)
        training = Training(f"{units} {activation}", problem, spec)
        case = _in(precision, case_of(0, training, "training"))
        gap = deviation(compute(case, PATHS[path]), compute(_reference(case), PLAIN))
        assert gap <= LIMITS[precision], activation


@pytest.mark.parametrize("path", PATHS)
def test_a_batch_whose_rows_count_for_nothing_has_no_gradient(path: str) -> None:
    """The sum of its weights, by which their losses are divided, is 0."""
    for loss in LOSSES:
        output = OUTPUT_ACTIVATIONS[loss.type][-1]
        network = NetworkSpec(layers=(DenseSpec(units=4, activation="tanh"),))
        problem = Problem(network, loss, output, rows=20, weighted=True)
        spec = replace(BASE, epochs=2, batch_size=5, loss=loss)
        case = case_of(0, Training(f"without weight {label(loss)}", problem, spec), "training")
        case.inputs["weights"][5:10] = 0.0
        found = compute(case, PATHS[path])
        assert all(np.isfinite(array).all() for array in found.values())
        assert deviation(found, compute(case, PLAIN)) <= LIMITS["float64"]


def test_a_chunk_covers_much_of_what_is_trained() -> None:
    covered = [case for case in of_kind("training") if _is_covered(case)]
    assert len(covered) > 25


def _is_covered(case: Case) -> bool:
    if "training" not in case.options:
        return False
    return covers(network_of(case.options), training_of(case.options["training"]))


def _in(precision: str, case: Case) -> Case:
    if precision == "float64":
        return case
    return replace(case, options=_precise(case, "float32"), inputs=in_single_precision(case.inputs))


def _reference(case: Case) -> Case:
    """The same numbers, computed in float64."""
    double = in_double_precision(case.inputs)
    return replace(case, options=_precise(case, "float64"), inputs=double)


def _precise(case: Case, precision: str) -> dict[str, Any]:
    options = dict(case.options)
    if "training" in options:
        options["training"] = dict(options["training"]) | {"precision": precision}
        if precision == "float32":
            options["training"]["epochs"] //= PARTS[case.kind]
    return options
