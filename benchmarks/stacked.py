"""Many small networks as one stack beside the same networks one after the other.

Own seeds, shuffles and learning rates; both ways give the same bits.
"""

from __future__ import annotations

import argparse

from benchmarks.contenders.catalogue import MEMBERS, STACKS
from benchmarks.rounds import Plan, Speed, compare
from benchmarks.shapes import STACK_SHAPES
from benchmarks.tables import table

GOALS = {"plain": 6.0, "compiled": 1.5, "chunk": 1.5}


def main() -> None:
    """Print a table for each shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sittings", type=int, default=1, help="a new process in each")
    parser.add_argument("--rounds", type=int, default=3, help="in a sitting")
    parser.add_argument("--round-s", type=float, default=0.3, help="length of a round")
    options = parser.parse_args()
    plan = Plan(options.sittings, options.rounds, options.round_s, {})
    for name in STACK_SHAPES:
        speeds, absent = compare(list(STACKS), name, plan)
        print(f"### {MEMBERS} networks at once: {name}", end="\n\n")
        head = ("kernels", "stacked, samples/s", "alone", "stacked / alone", "goal", "")
        print(table(head, rows(speeds)), end="\n\n")
        for contender, reason in absent.items():
            print(f"{contender} did not run: {reason}", end="\n\n")


def rows(speeds: list[Speed]) -> list[tuple[str, ...]]:
    """One for each kind of kernels that ran both ways."""
    medians = {speed.name: speed.median for speed in speeds}
    found: list[tuple[str, ...]] = []
    for form, goal in GOALS.items():
        names = (f"stacked, {form}", f"alone, {form}")
        if medians.keys() >= set(names):
            stacked, alone = (medians[name] for name in names)
            ratio = stacked / alone
            verdict = "met" if ratio >= goal else "MISSED"
            cells = (f"{stacked:,.0f}", f"{alone:,.0f}", f"{ratio:.2f}x", f"{goal:g}x", verdict)
            found.append((form, *cells))
    return found


if __name__ == "__main__":
    main()
