"""Reference vectors: cases with the numbers that PyTorch gave for them, as one JSON file.

Inputs are stored too: NumPy does not promise the same random numbers in every version.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.parity.cases import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tests.parity.cases import Arrays

PATH = Path(__file__).parent.parent / "vectors" / "engine.json"


def write(made: dict[str, str], found: list[tuple[Case, Arrays]]) -> None:
    """`made` says by what and when; a case to a line, so that a change can be read."""
    lines = [
        json.dumps(
            {
                "name": case.name,
                "kind": case.kind,
                "options": case.options,
                "inputs": _plain(case.inputs),
                "expected": _plain(expected),
            }
        )
        for case, expected in found
    ]
    body = ",\n".join(lines)
    PATH.write_text(f'{{"made": {json.dumps(made)},\n"cases": [\n{body}\n]}}\n')


def read() -> Iterator[tuple[Case, Arrays]]:
    """Every case with the expected numbers."""
    for stored in json.loads(PATH.read_text())["cases"]:
        inputs = _arrays(stored["inputs"])
        case = Case(stored["name"], stored["kind"], stored["options"], inputs)
        yield case, _arrays(stored["expected"])


def _plain(arrays: Arrays) -> dict[str, Any]:
    return {name: {"dtype": str(a.dtype), "values": a.tolist()} for name, a in arrays.items()}


def _arrays(plain: dict[str, Any]) -> Arrays:
    found: dict[str, NDArray[Any]] = {
        name: np.array(a["values"], a["dtype"]) for name, a in plain.items()
    }
    return found
