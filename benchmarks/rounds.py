"""Contenders side by side: one round of each in turn, so that a disturbance meets all of them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.contenders.catalogue import CONTENDERS
from benchmarks.process import OUR_PYTHON, PEER_PYTHON, Process, ProcessError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Speed:
    """Samples per second of CPU time of one contender, round by round."""

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """Half the distance between the extreme rounds, relative to the median."""
        return (max(self.rounds) - min(self.rounds)) / 2.0 / self.median


@dataclass(frozen=True)
class Plan:
    """How much is measured; `environ` is added to every contender's variables."""

    rounds: int
    round_s: float
    environ: Mapping[str, str]


def compare(names: Sequence[str], shape: str, plan: Plan) -> tuple[list[Speed], dict[str, str]]:
    """The speeds on one shape, and why the others, by name, did not run."""
    running: dict[str, Process] = {}
    absent: dict[str, str] = {}
    with ExitStack() as children:
        for name in names:
            child = children.enter_context(_start(name, shape, plan))
            try:
                child.answer()
            except ProcessError as error:
                absent[name] = str(error)
            else:
                running[name] = child
        found: dict[str, list[float]] = {name: [] for name in running}
        for _ in range(plan.rounds):
            for name, child in running.items():
                found[name].append(float(child.ask()))
    return [Speed(name, tuple(rounds)) for name, rounds in found.items()], absent


def _start(name: str, shape: str, plan: Plan) -> Process:
    python = OUR_PYTHON if CONTENDERS[name].is_ours else PEER_PYTHON
    arguments = [name, shape, str(plan.round_s)]
    return Process(python, "benchmarks.contenders", arguments, plan.environ)
