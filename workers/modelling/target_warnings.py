"""Warnings of what a target is like beside its columns: classes out of balance, and leaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.modelling.plan import PlanWarning
from workers.tabular.leaks import leak_of_classes, leak_of_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import pyarrow as pa
    from numpy.typing import NDArray

    from workers.modelling.plan import ModelPlan
    from workers.tabular.profile import ColumnProfile
    from workers.tabular.splits import Rows

_RARE = 0.05
_RARE_OF_EVEN_SHARE = 0.5
_SHOWN = 60

# A sample tells a leak as well as ten million rows do, and thousands of columns are to be tried.
_MOST_ROWS = 20_000
_MOST_CELLS = 20_000_000
_LEAST_SAMPLE = 1_000


def imbalance(target: ColumnProfile, n_rows: int) -> str | None:
    """How rare the rarest class of a target with a value in `n_rows` rows is; None if it is not.

    Rare is below 5%, and below half of an even share: of forty classes all may be below 5%.
    """
    top, n_others = target.top, target.distinct - len(target.top)
    if not top or n_rows == 0:
        return None
    if n_others:
        rarest = (n_rows - sum(value.count for value in top)) // n_others
        which = f"the rarest of {target.distinct} classes have"
    else:
        rarest = top[-1].count
        which = f'the class "{top[-1].value[:_SHOWN]}" has'
    if rarest >= n_rows * min(_RARE, _RARE_OF_EVEN_SHARE / target.distinct):
        return None
    at_most = "at most " if n_others else ""
    return f"{which} {at_most}{rarest} of {n_rows} rows ({rarest / n_rows:.2%})"


def leak_warnings(
    table: pa.Table, plan: ModelPlan, rows: Rows, truth: NDArray[Any]
) -> Iterator[PlanWarning]:
    """A warning for each feature that alone tells the target of these training rows.

    truth is (N,) class numbers or (N, T) numbers of the rows (N,). A model of one feature is meant
    to go by it alone: nothing is said of it.
    """
    if len(plan.features) < 2:
        return
    n_sampled = min(_MOST_ROWS, max(_LEAST_SAMPLE, _MOST_CELLS // len(plan.features)))
    if len(rows) > n_sampled:
        draw = np.random.Generator(np.random.Philox(plan.seed))
        sample = np.sort(draw.choice(len(rows), n_sampled, replace=False))
        rows, truth = rows[sample], truth[sample]
    for name in plan.features:
        column = table[name].take(rows)
        if plan.task == "regression":
            found = (leak_of_numbers(column, numbers) for numbers in truth.T)
            how = next((words for words in found if words is not None), None)
        else:
            how = leak_of_classes(column, truth, len(plan.features))
        if how is not None:
            detail = (
                f"The column gives the target away: {how}. If it is not known before the target "
                f"is, leave it out of the features."
            )
            yield PlanWarning("likely_leak", name, detail)
