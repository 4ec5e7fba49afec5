"""A training's memory and time, measured and as `networks/validate` says them beforehand.

A process per case and question: the service's API, which estimates, trains nothing.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass

from benchmarks.footprint_cases import CASES
from benchmarks.process import OUR_PYTHON, Process
from benchmarks.tables import table

MIB = 2**20
MEMORY_TOLERANCE = 0.20
TIME_FACTOR = 1.5
SMALLEST_MIB = 8.0
"""Less is lost in the pages that a process takes and gives back by itself."""


@dataclass(frozen=True)
class Comparison:
    """One figure, as it was said and as it was found."""

    estimated: float
    measured: float

    @property
    def ratio(self) -> float:
        """Said over found."""
        return self.estimated / self.measured

    def is_within(self, factor: float) -> bool:
        """Whether the larger is at most so many times the smaller."""
        return max(self.ratio, 1.0 / self.ratio) <= factor


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=list(CASES), action="append")
    options = parser.parse_args()
    rows = [_row(case) for case in options.case or CASES]
    head = ("training", "peak MiB", "said", "of it", "", "s per epoch", "said", "of it", "")
    print("### Memory and time of a training, found and said beforehand", end="\n\n")
    print(table(head, rows), end="\n\n")


def _row(case: str) -> tuple[str, ...]:
    said, found = _answer(case, "estimate"), _answer(case, "measure")
    memory = Comparison(said["memory_bytes"] / MIB, found["memory_bytes"] / MIB)
    epoch = Comparison(said["epoch_s"], found["epoch_s"])
    return (
        case,
        f"{memory.measured:.1f}",
        f"{memory.estimated:.1f}",
        f"{memory.ratio:.2f}x",
        memory_verdict(memory),
        f"{epoch.measured:.3g}",
        f"{epoch.estimated:.3g}",
        f"{epoch.ratio:.2f}x",
        "met" if epoch.is_within(TIME_FACTOR) else "MISSED",
    )


def memory_verdict(memory: Comparison) -> str:
    """Within the tolerance of the measured peak, where that is more than noise."""
    if max(memory.measured, memory.estimated) < SMALLEST_MIB:
        return "-"
    return "met" if abs(memory.ratio - 1.0) <= MEMORY_TOLERANCE else "MISSED"


def _answer(case: str, question: str) -> dict[str, float]:
    with Process(OUR_PYTHON, "benchmarks.footprint", [case, question], {}) as process:
        found: dict[str, float] = json.loads(process.answer())
    return found


if __name__ == "__main__":
    main()
