"""What batches count beside each other: their number of rows, or the sum of their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engine.problem import Problem
    from workers.engine.steps.batches import Batches
    from workers.engine.steps.stacked_batches import StackedBatches


class Weighing:
    """The `weights` of the batches of an epoch, and their `total`."""

    def __init__(self, problem: Problem, batches: Batches | StackedBatches) -> None:
        size, count = batches.batch_size, batches.count
        self._starts = np.arange(count) * size
        self.weights = [float(size)] * count
        if batches.tail:
            self.weights[-1] = float(batches.tail)
        self._of_rows = problem.data.weights
        self.total = float(batches.n_rows)
        if self._of_rows is not None:
            self.total = float(self._of_rows.sum(dtype=np.float64))

    def enter(self, order: NDArray[np.intp] | None) -> None:
        """Begin an epoch in this order of the rows."""
        if self._of_rows is not None:
            ordered = self._of_rows if order is None else self._of_rows[order]
            sums = np.add.reduceat(ordered, self._starts, dtype=np.float64)
            self.weights = sums.tolist()
