"""The engine against PyTorch's numbers (tests/vectors, by tests/parity) and scikit-learn, live."""

from __future__ import annotations

import pytest

from tests.parity import vectors
from tests.parity.case import GATES, Arrays, Case, deviation
from tests.parity.cases import scikit_learn
from tests.parity.ours.table import compute
from tests.parity.theirs import scikit_learn as theirs

REFERENCES = list(vectors.read())
SCIKIT_LEARN = list(scikit_learn.cases(0))


@pytest.mark.parametrize(
    ("case", "expected"), REFERENCES, ids=[case.name for case, _ in REFERENCES]
)
def test_the_engine_gives_the_numbers_of_pytorch(case: Case, expected: Arrays) -> None:
    """Gates: 1e-12 for functions, gradients and 60 optimiser steps with a change of rate.

    1e-10 for 100 steps of a whole network with a tail batch in float64; 1e-5 for 50 in float32.
    """
    assert deviation(compute(case), expected) <= GATES[case.kind]


@pytest.mark.parametrize("case", SCIKIT_LEARN, ids=[case.name for case in SCIKIT_LEARN])
def test_the_weights_are_those_of_scikit_learn(case: Case) -> None:
    """Gate: 1e-12 in float64 after 75 steps from its own initial weights, with a tail batch."""
    expected = theirs.training(case)
    assert deviation(compute(case), expected) <= GATES[case.kind]
    moved = max(abs(expected[name] - case.inputs[name]).max() for name in expected)
    assert moved > 1e-3


def test_the_vectors_cover_every_kind_of_case() -> None:
    assert {case.kind for case, _ in REFERENCES} == set(GATES) - {"scikit_learn"}


def test_a_wrong_number_is_seen() -> None:
    case, expected = REFERENCES[0]
    found = compute(case)
    found["a"] = found["a"] + 1e-9
    assert deviation(found, expected) > GATES[case.kind]
