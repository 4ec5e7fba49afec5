"""The engine against numbers that PyTorch gave (tests/vectors, written by tests/parity)."""

from __future__ import annotations

import pytest

from tests.parity import ours, vectors
from tests.parity.cases import GATES, Arrays, Case, deviation

REFERENCES = list(vectors.read())


@pytest.mark.parametrize(
    ("case", "expected"), REFERENCES, ids=[case.name for case, _ in REFERENCES]
)
def test_the_engine_gives_the_numbers_of_pytorch(case: Case, expected: Arrays) -> None:
    """Gates: 1e-12 for activations, losses, gradients and 60 optimiser steps with a change of rate.

    1e-10 for 100 steps of a whole network with a tail batch in float64; 1e-5 for 50 in float32.
    """
    assert deviation(ours.compute(case), expected) <= GATES[case.kind]


def test_the_vectors_cover_every_kind_of_case() -> None:
    assert {case.kind for case, _ in REFERENCES} == set(GATES)


def test_a_wrong_number_is_seen() -> None:
    case, expected = REFERENCES[0]
    found = ours.compute(case)
    found["a"] = found["a"] + 1e-9
    assert deviation(found, expected) > GATES[case.kind]
