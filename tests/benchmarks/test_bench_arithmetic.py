from itertools import pairwise

import pytest

from benchmarks import stacked
from benchmarks.goals import GOALS, ratios
from benchmarks.memory import Comparison, memory_verdict
from benchmarks.overhead import Spent, cells
from benchmarks.rounds import Speed
from benchmarks.shapes import SHAPES, Shape
from benchmarks.tables import table


def multiply_adds_by_hand(shape: Shape) -> int:
    """Count every multiplication of a step's loops, one row at a time."""
    count = 0
    for layer, (n_in, n_out) in enumerate(pairwise(shape.widths)):
        for _ in range(n_in):
            for _ in range(n_out):
                count += 1  # forward
                count += 1  # gradient of the weight
                count += 1 if layer > 0 else 0  # gradient of the input
    return count


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_the_products_of_a_row_are_counted_as_its_loops_would(name: str) -> None:
    assert SHAPES[name].flops_per_row == 2 * multiply_adds_by_hand(SHAPES[name])


def test_rows_are_whole_batches() -> None:
    assert all(shape.rows == shape.steps * shape.batch_size for shape in SHAPES.values())


def test_every_shape_has_its_goals() -> None:
    assert set(GOALS) == set(SHAPES)


def test_the_median_round_counts_and_the_spread_is_half_the_range() -> None:
    speed = Speed("x", (90.0, 100.0, 120.0))
    assert speed.median == 100.0
    assert speed.spread == pytest.approx(0.15)


def test_a_peer_is_taken_at_its_fastest_form() -> None:
    speeds = [
        Speed("slope", (600.0,)),
        Speed("PyTorch, eager", (100.0,)),
        Speed("PyTorch, compiled", (300.0,)),
    ]
    (ratio,) = ratios("medium", speeds)
    assert (ratio.form, ratio.value) == ("PyTorch, compiled", 2.0)
    assert ratio.verdict == "met"


def test_a_missed_goal_is_said() -> None:
    (ratio,) = ratios("tiny", [Speed("slope", (299.0,)), Speed("scikit-learn", (10.0,))])
    assert ratio.verdict == "MISSED"


def test_a_pair_without_a_goal_is_not_judged() -> None:
    (ratio,) = ratios("medium-512", [Speed("slope", (1.0,)), Speed("JAX, NumPy's order", (2.0,))])
    assert ratio.verdict == "-"


@pytest.mark.parametrize(
    ("said", "found", "verdict"),
    [(119.0, 100.0, "met"), (81.0, 100.0, "met"), (121.0, 100.0, "MISSED"), (1.0, 3.0, "-")],
)
def test_memory_is_judged_against_the_measured_peak(
    said: float, found: float, verdict: str
) -> None:
    assert memory_verdict(Comparison(said, found)) == verdict


def test_a_factor_holds_both_ways() -> None:
    assert Comparison(1.5, 1.0).is_within(1.5)
    assert Comparison(1.0, 1.5).is_within(1.5)
    assert not Comparison(1.0, 1.6).is_within(1.5)


def test_overhead_is_what_a_run_costs_above_the_bare_engine() -> None:
    bare = [Spent(9.0, 10.0), Spent(10.0, 10.0), Spent(11.0, 10.0)]
    figures = [Spent(10.1, 10.0)] * 3
    found = cells(bare, figures, [Spent(10.4, 11.0)] * 3)
    assert found[:5] == ("10.00 s", "1.0%", "10.40 s", "4.0%", "met")
    assert found[5:] == ("10.00 s", "11.00 s", "10.0%")


def test_a_table_is_markdown_with_aligned_columns() -> None:
    assert table(("a", "bb"), [("x", "1"), ("yyy", "22")]).splitlines() == [
        "| a   | bb |",
        "| --- | -: |",
        "| x   |  1 |",
        "| yyy | 22 |",
    ]


def test_a_stack_is_compared_with_the_same_kernels_alone() -> None:
    speeds = [Speed("stacked, plain", (70.0,)), Speed("alone, plain", (10.0,))]
    assert stacked.rows([*speeds, Speed("alone, chunk", (1.0,))]) == [
        ("plain", "70", "10", "7.00x", "6x", "met")
    ]
