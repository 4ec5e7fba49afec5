"""How good the recipes are beside what people use: accuracy, or R2, on rows never seen.

Every model trains on the same rows, with one thread. Seconds are CPU time of one fit.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from benchmarks.accuracy_peers import MLPS, PEERS
from benchmarks.accuracy_rounds import FOLDED_BELOW, Score, ours, peers, score, training_rows
from benchmarks.accuracy_tables import shipped_tables, tables_in
from benchmarks.tables import table as markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.accuracy_tables import Table

    Scores = Mapping[str, Score]

GOALS = {
    "california_housing": 0.825,
    "diamonds": 0.980,
    "adult16k": 0.862,
    "digits": 0.972,
    "titanic": 0.81,
    "mpg": 0.88,
}
"""What `auto` shall reach on well-known tables, by the name of the card."""

MAX_FIT_S = 10.0
UNTIMED = frozenset(("diamonds",))
MIN_ROWS = 100
"""On fewer the scores say too little to be averaged with others."""

RECIPES = ("auto", "tabm", "realmlp", "mlp", "linear")


def main() -> None:
    """Print the scores, then the goals."""
    options = _options()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    found: dict[str, Scores] = {}
    sizes: dict[str, int] = {}
    with threadpool_limits(1):
        for whole in tables_in(options.tables) if options.tables else shipped_tables():
            if options.table and whole.name not in options.table:
                continue
            table = training_rows(whole) if options.within_training_rows else whole
            if not found:
                _warm_up(table)
            sizes[table.name] = len(table.rows)
            found[table.name] = _scores(table, options)
            print(line(table.name, found[table.name]), flush=True)
    print(f"\n### Accuracy, or R2, and CPU seconds of a fit\n\n{scores_table(found)}\n")
    if "auto" in options.recipe and not options.without_peers and not options.within_training_rows:
        print(markdown(("goal of auto", "found", "wanted", ""), list(goals(found, sizes))))


def line(name: str, scores: Scores) -> str:
    """A table's scores, as soon as they are known."""
    said = (f"{who} {s.value:.4f} ({s.cpu_s:.2f} s)" for who, s in scores.items())
    return f"{name}: {', '.join(said)}"


def scores_table(found: Mapping[str, Scores]) -> str:
    """A row for each table, a column for each model."""
    names = list(next(iter(found.values()), {}))
    rows = [
        (table, *(f"{scores[name].value:.3f} ({scores[name].cpu_s:.1f} s)" for name in names))
        for table, scores in found.items()
    ]
    return markdown(("table", *names), rows)


def goals(found: Mapping[str, Scores], sizes: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    """Each goal that these tables tell something about, what was found, and whether it is met."""
    small = [name for name in found if MIN_ROWS <= sizes[name] < FOLDED_BELOW]
    for name, scores in found.items():
        if sizes[name] >= FOLDED_BELOW:
            yield _at_least(f"{name}: the better MLP", scores["auto"].value, _best_mlp(scores))
    if small:
        auto = statistics.fmean(found[name]["auto"].value for name in small)
        mlp = max(statistics.fmean(found[name][mlp].value for name in small) for mlp in MLPS)
        yield _at_least(f"mean of {len(small)} smaller: the better MLP", auto, mlp)
    for name, wanted in GOALS.items():
        if name in found:
            yield _at_least(name, found[name]["auto"].value, wanted)
    for name, scores in found.items():
        if name not in UNTIMED:
            seconds = scores["auto"].cpu_s
            verdict = "met" if seconds <= MAX_FIT_S else "MISSED"
            yield f"{name}: seconds of a fit", f"{seconds:.1f}", f"{MAX_FIT_S:g}", verdict


def _at_least(name: str, value: float, wanted: float) -> tuple[str, ...]:
    verdict = "met" if value >= wanted else "MISSED"
    return name, f"{value:.4f}", f"{wanted:.4f}", verdict


def _best_mlp(scores: Scores) -> float:
    return max(scores[name].value for name in MLPS)


def _scores(table: Table, options: argparse.Namespace) -> Scores:
    beside: Sequence[str] = () if options.without_peers else tuple(PEERS)
    found = {recipe: score(table, ours(recipe, options.seed)) for recipe in options.recipe}
    return found | {name: score(table, peers(name)) for name in beside}


def _warm_up(table: Table) -> None:
    """Compile what is compiled once on a machine, which is no part of a fit."""
    few = range(min(200, len(table.rows)))
    ours("auto", 0)(table.of(few), table.of(few))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", type=Path, nargs="?", help="folder of CSV files and their cards")
    parser.add_argument("--table", action="append", help="this one alone, by the card's name")
    parser.add_argument("--recipe", action="append", choices=RECIPES, help="ours to compare")
    parser.add_argument("--seed", type=int, default=0, help="of our recipes")
    parser.add_argument("--without-peers", action="store_true", help="our recipes alone")
    parser.add_argument(
        "--within-training-rows",
        action="store_true",
        help="divide the training rows again, for choosing a recipe's numbers",
    )
    options = parser.parse_args()
    options.recipe = options.recipe or ["auto", "mlp"]
    return options


if __name__ == "__main__":
    main()
