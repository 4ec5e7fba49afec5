"""Dropout's masks against their definition, written twice, and Random123's known answers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.parity import masks
from tests.parity.case import Case
from tests.parity.ours.table import compute
from tests.parity.problems import Problem
from workers.engine.spec import DenseSpec, DropoutSpec, NetworkSpec, OutputSpec

WORD = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "block"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((WORD,) * 4, (WORD,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_the_blocks_are_those_of_random123(
    counter: tuple[int, int, int, int], key: tuple[int, int], block: tuple[int, int, int, int]
) -> None:
    """kat_vectors of Salmon et al., philox4x32 with 10 rounds."""
    assert masks.philox(counter, key) == block


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
def test_the_engine_drops_what_the_definition_says(seed: int, rate: float) -> None:
    """The gradient of weights that are fed with ones is 0 just where a value was dropped."""
    width = 301
    layers = (DropoutSpec(rate=rate), DenseSpec(units=1, activation="identity", bias=False))
    network = NetworkSpec(layers=layers, output=OutputSpec(bias=False))
    problem = Problem(network, n_inputs=width, n_outputs=1, rows=1)
    inputs = {
        "X": np.ones((1, width)),
        "y": np.full((1, 1), -1.0),
        "layers.0.weight": np.ones((width, 1)),
        "layers.1.weight": np.ones((1, 1)),
    }
    options = problem.options() | {"seed": seed}
    found = compute(Case("mask", "gradient", options, inputs))["layers.0.weight"]
    kept = masks.kept(seed, 0, 1, rate, (1, width))
    np.testing.assert_array_equal(found[:, 0] != 0.0, kept[0])
