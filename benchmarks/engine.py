"""Samples per second of training, ours beside the peers: medians of interleaved rounds.

Every contender is a process of its own with one thread, does the same work (shape, batch, Adam,
shuffling, float32), and is asked for one round after the other in turn, so that a disturbance of
the machine meets all of them. Times are CPU time, taken inside the contender.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from typing import IO, cast

from benchmarks.engine_contenders import CONTENDERS, SHAPES

OURS = "slope"


@dataclass(frozen=True)
class Result:
    """Samples per second of each round of one contender."""

    name: str
    rounds: list[float]

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """Half the distance between the extreme rounds, relative to the median."""
        return (max(self.rounds) - min(self.rounds)) / 2.0 / self.median


class Contender:
    """A child process that trains for one round whenever it is asked."""

    def __init__(self, name: str, shape: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.engine_contenders", name, shape],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._questions = cast("IO[str]", self._process.stdin)
        self._answers = cast("IO[str]", self._process.stdout)

    def round(self) -> float:
        """One round: samples per second of CPU time."""
        self._questions.write("round\n")
        self._questions.flush()
        answer = json.loads(self._answers.readline())
        return float(answer["samples"] / answer["cpu_s"])

    def end(self) -> None:
        """Close its input, which ends it."""
        self._process.communicate()


def compare(shape: str, rounds: int) -> list[Result]:
    """Measure all contenders on one shape; the first round of each warms up and is not counted."""
    contenders = [Contender(name, shape) for name in CONTENDERS]
    try:
        found: dict[str, list[float]] = {contender.name: [] for contender in contenders}
        for index in range(rounds + 1):
            for contender in contenders:
                speed = contender.round()
                if index > 0:
                    found[contender.name].append(speed)
    finally:
        for contender in contenders:
            contender.end()
    return [Result(name, speeds) for name, speeds in found.items()]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--shape", choices=sorted(SHAPES), action="append")
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"{'shape':<8}{'contender':<14}{'samples/s':>12}{'spread':>8}{'ours / it':>11}")
    for shape in options.shape or SHAPES:
        results = compare(shape, options.rounds)
        ours = next(result.median for result in results if result.name == OURS)
        for result in results:
            ratio = ours / result.median
            print(
                f"{shape:<8}{result.name:<14}{result.median:>12,.0f}"
                f"{result.spread:>8.1%}{ratio:>10.2f}x"
            )


if __name__ == "__main__":
    main()
