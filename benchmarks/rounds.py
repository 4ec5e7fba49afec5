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
    """How much is measured; `environ` is added to every contender's variables.

    Where a process's memory happens to lie moves its speed by several percent for its whole life,
    so each contender gets a new process in every sitting.
    """

    sittings: int
    rounds: int
    round_s: float
    environ: Mapping[str, str]


def compare(names: Sequence[str], shape: str, plan: Plan) -> tuple[list[Speed], dict[str, str]]:
    """The speeds on one shape, and why the others, by name, did not run."""
    found: dict[str, list[float]] = {name: [] for name in names}
    absent: dict[str, str] = {}
    for sitting in range(plan.sittings):
        # Neighbours take turns in who comes first.
        order = names if sitting % 2 == 0 else names[::-1]
        _sit([name for name in order if name not in absent], shape, plan, found, absent)
    return [Speed(name, tuple(rounds)) for name, rounds in found.items() if rounds], absent


def _sit(
    names: Sequence[str],
    shape: str,
    plan: Plan,
    found: Mapping[str, list[float]],
    absent: dict[str, str],
) -> None:
    running: dict[str, Process] = {}
    with ExitStack() as children:
        for name in names:
            child = children.enter_context(_start(name, shape, plan))
            try:
                child.answer()
            except ProcessError as error:
                absent[name] = str(error)
            else:
                running[name] = child
        for _ in range(plan.rounds):
            for name, child in running.items():
                found[name].append(float(child.ask()))


def _start(name: str, shape: str, plan: Plan) -> Process:
    python = OUR_PYTHON if CONTENDERS[name].is_ours else PEER_PYTHON
    arguments = [name, shape, str(plan.round_s)]
    return Process(python, "benchmarks.contenders", arguments, plan.environ)
