"""Which columns a model goes by: permutation importance (Breiman 2001; Fisher et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workers.engine.cost import flops_per_row
from workers.engine.rng import Purpose, generator
from workers.modelling.reporting.answers import MEASURES, Answers, variance_of
from workers.modelling.reporting.sampling import spread_rows
from workers.modelling.reporting.work import IMPORTANCE_SHARE, allowance
from workers.modelling.targets import NumberTarget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from workers.engine.tensors import Array
    from workers.modelling.estimator import FittedModel, HeldOut, Prepared

REPEATS = 5
MAX_ROWS = 2_000
LEAST_ROWS = 50

# A repeat wants this many rows before there is a second one.
_GOOD_ROWS = 400
_BOUNDS = (4e9, 2e11)
_MAX_NUMBERS = 4_000_000
# A row that is only looked at has a third of a step's products, but of portions that keep its bits
# the same in any company, at a third of their speed; and there is work that is not in products.
_OPERATIONS_PER_ROW = 50_000

NO_ROWS = "There are no rows that did not train."


class Extent(NamedTuple):
    """How many rows are permuted how often."""

    rows: int
    repeats: int


def importance(fitted: FittedModel, prepared: Prepared, epochs: int) -> dict[str, Any]:
    """How much the loss grows when a column's cells are dealt out anew among the rows.

    On test rows, else validation rows. A column stands for all inputs made from it alone, and the
    difference of two for itself. `increase` is the mean over the repeats, `spread` their standard
    deviation, None of a single one; columns are in falling order of it. Where a column repeats
    another, both seem to matter less than they do.
    """
    part = "test" if prepared.test is not None else "validation"
    held_out = prepared.test or prepared.validation
    if held_out is None:
        return {"reason": NO_ROWS}
    columns = list(_inputs_by_column(fitted))
    extent = extent_of(prepared, len(columns), len(held_out.truth), epochs)
    if extent is None:
        return {"reason": _too_short(len(columns))}
    return {"part": part, **_Permuted(fitted, prepared, held_out, extent).figures(columns)}


def extent_of(prepared: Prepared, n_columns: int, n_rows: int, epochs: int) -> Extent | None:
    """What the allowance suffices for; None where that is too little to say anything."""
    network = prepared.network
    allowed = allowance(IMPORTANCE_SHARE, _BOUNDS, network, epochs * len(prepared.data.X))
    passes = int(allowed.operations / (flops_per_row(network) + _OPERATIONS_PER_ROW))
    by_column = passes // max(n_columns, 1)
    wanted = min(n_rows, MAX_ROWS, max(_MAX_NUMBERS // network.n_inputs, LEAST_ROWS))
    if by_column < min(wanted, LEAST_ROWS):
        return None
    repeats = min(max(by_column // min(wanted, _GOOD_ROWS), 1), REPEATS)
    return Extent(min(wanted, by_column // repeats), repeats)


class _Permuted:
    """A model's losses on the same rows, one column after another permuted."""

    def __init__(
        self, fitted: FittedModel, prepared: Prepared, held_out: HeldOut, extent: Extent
    ) -> None:
        rows = spread_rows(len(held_out.truth), extent.rows)
        self._fitted = fitted
        self._X = held_out.X[rows]
        self._truth = held_out.truth[rows]
        self._variance = variance_of(prepared.training_truth)
        orders = [_order(prepared, n, len(rows)) for n in range(extent.repeats)]
        # A pass has its price however few its rows, and a row the same bits in any company.
        together = min(max(_MAX_NUMBERS // self._X.size, 1), extent.repeats)
        self._passes = [orders[n : n + together] for n in range(0, len(orders), together)]
        self._stacked = np.tile(self._X, (together, 1))
        self._repeats = extent.repeats

    def figures(self, columns: list[tuple[str, slice]]) -> dict[str, Any]:
        loss = self._losses(self._X, 1)[0]
        found = [self._of_column(name, inputs, loss) for name, inputs in columns]
        found = [column for column in found if np.isfinite(column["increase"])]
        return {
            "measure": MEASURES[isinstance(self._fitted.target, NumberTarget)],
            "loss": loss if np.isfinite(loss) else None,
            "rows": len(self._truth),
            "repeats": self._repeats,
            "columns": sorted(found, key=lambda column: -column["increase"]),
        }

    def _of_column(self, name: str, inputs: slice, loss: float) -> dict[str, Any]:
        losses = [x for orders in self._passes for x in self._permuted(inputs, orders)]
        increases = np.array(losses) - loss
        spread = float(increases.std(ddof=1)) if len(losses) > 1 else None
        return {"column": name, "increase": float(increases.mean()), "spread": spread}

    def _permuted(self, inputs: slice, orders: list[NDArray[np.intp]]) -> list[float]:
        """The loss of each of these repeats, from rows that stand one below the other."""
        n_rows = len(orders) * len(self._truth)
        cells = self._X[:, inputs]
        self._stacked[:n_rows, inputs] = np.concatenate([cells[order] for order in orders])
        losses = self._losses(self._stacked[:n_rows], len(orders))
        self._stacked[:n_rows, inputs] = np.tile(cells, (len(orders), 1))
        return losses

    def _losses(self, X: Array, repeats: int) -> list[float]:
        outputs = self._fitted.outputs(X)
        truth = np.concatenate([self._truth] * repeats)
        of_rows = Answers.of(self._fitted.target, truth, outputs).losses(self._variance)
        return [float(of_repeat.mean()) for of_repeat in of_rows.reshape(repeats, -1)]


def _order(prepared: Prepared, repeat: int, n_rows: int) -> NDArray[np.intp]:
    """The same for every column: two of equal cells come out alike."""
    return generator(prepared.plan.seed, Purpose.IMPORTANCE, repeat).permutation(n_rows)


def _inputs_by_column(fitted: FittedModel) -> Iterator[tuple[str, slice]]:
    start = 0
    for encoder in fitted.preprocessing.encoders:
        end = start + len(encoder.outputs)
        if end > start:
            yield encoder.name, slice(start, end)
        start = end
    for place, difference in enumerate(fitted.preprocessing.differences, start):
        yield difference.output, slice(place, place + 1)


def _too_short(n_columns: int) -> str:
    return (
        f"The training was too short for it: {n_columns} columns would have taken more than "
        f"{IMPORTANCE_SHARE:.1%} of its work, even with {LEAST_ROWS} rows."
    )
