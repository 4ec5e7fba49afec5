"""Samples per second of training, ours beside the peers: medians of interleaved rounds.

Every contender is a process of its own on one core, does the same work (shape, batch, Adam,
shuffling, float32, cross-entropy), and is asked for one round after the other in turn, so that a
disturbance of the machine meets all of them. Times are CPU time, taken inside the contender.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders.catalogue import SERVED, TRAININGS
from benchmarks.goals import ratios
from benchmarks.machine import describe
from benchmarks.rounds import Plan, compare
from benchmarks.shapes import SHAPES
from benchmarks.tables import table

if TYPE_CHECKING:
    from benchmarks.goals import Ratio
    from benchmarks.rounds import Speed

_MOST_ROUNDS = {"large": 3}
"""Of a sitting, where an epoch is long."""


def main() -> None:
    """Print what the machine is, and a table of speeds with one of ratios for each shape."""
    options = _options()
    print(describe(), end="\n\n")
    found = {}
    for shape in options.shape or SHAPES:
        rounds = min(options.rounds, _MOST_ROUNDS.get(shape, options.rounds))
        environ = dict(pair.split("=", 1) for pair in options.env)
        plan = Plan(options.sittings, rounds, options.round_s, environ)
        speeds, absent = compare(options.contender or list(TRAININGS), shape, plan)
        found[shape] = [asdict(speed) for speed in speeds]
        print(_heading(shape), end="\n\n")
        print(speed_table(speeds), end="\n\n")
        print(ratio_table(ratios(shape, speeds)), end="\n\n")
        for name, reason in absent.items():
            print(f"{name} did not run: {reason}", end="\n\n")
    if options.json:
        options.json.write_text(json.dumps({"machine": describe(), "speeds": found}, indent=1))


def speed_table(speeds: list[Speed]) -> str:
    """One row per contender, with ours over it."""
    served = next((speed.median for speed in speeds if speed.name == SERVED), None)
    rows = []
    for speed in speeds:
        ratio = "-" if served is None else f"{served / speed.median:.2f}x"
        rows.append((speed.name, f"{speed.median:,.0f}", f"{speed.spread:.0%}", ratio))
    return table(("contender", "samples/s", "spread", f"{SERVED} / it"), rows)


def ratio_table(found: list[Ratio]) -> str:
    """One row per peer, with the goal."""
    rows = []
    for ratio in found:
        goal = "-" if ratio.goal is None else f"{ratio.goal:g}x"
        rows.append((ratio.peer, ratio.form, f"{ratio.value:.2f}x", goal, ratio.verdict))
    return table(("beside", "in its form", "ours / it", "goal", ""), rows)


def _heading(name: str) -> str:
    shape = SHAPES[name]
    widths = "-".join(map(str, shape.widths))
    return f"### {name}: {widths}, batch {shape.batch_size}, {shape.rows:,} rows"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sittings", type=int, default=2, help="a new process in each")
    parser.add_argument("--rounds", type=int, default=3, help="in a sitting")
    parser.add_argument("--round-s", type=float, default=0.4, help="length of a round")
    parser.add_argument("--shape", choices=list(SHAPES), action="append")
    parser.add_argument("--contender", choices=list(TRAININGS), action="append")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--json", type=Path, help="also write every round here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
