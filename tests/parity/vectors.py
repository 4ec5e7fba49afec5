"""Reference vectors: what PyTorch gave for the stored cases of seed 0, as one JSON file.

The inputs are not in it: they are drawn again, alike everywhere (tests/parity/draws.py).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.parity.case import GATES
from tests.parity.cases.table import cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tests.parity.case import Arrays, Case

PATH = Path(__file__).parent.parent / "vectors" / "engine.json"


def write(made: dict[str, str], found: list[tuple[Case, Arrays]]) -> None:
    """`made` says by what and when; a case to a line, so that a change can be read."""
    lines = [
        json.dumps(case.name)
        + ": "
        + json.dumps(
            {name: _plain(array, case.kind) for name, array in expected.items()},
            separators=(",", ":"),
        )
        for case, expected in found
    ]
    body = ",\n".join(lines)
    PATH.write_text(f'{{"made": {json.dumps(made)},\n"expected": {{\n{body}\n}}}}\n')


def read() -> Iterator[tuple[Case, Arrays]]:
    """Every stored case with the expected numbers; KeyError where one has not been written."""
    expected = json.loads(PATH.read_text())["expected"]
    for case in cases(0):
        if case.stored:
            yield case, {name: np.array(values) for name, values in expected[case.name].items()}


def _plain(array: NDArray[Any], kind: str) -> Any:
    """Nested lists, rounded to a hundredth of what the gate lets through."""
    decimals = 2 - round(math.log10(GATES[kind]))
    size = np.maximum(1.0, np.abs(array))
    return (np.round(array / size, decimals) * size).tolist()
