"""Networks of one shape that train on the same rows in compiled chunks, each on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.kernels.program import N_COEFFICIENTS, Members, Rows, Scratch
from workers.engine.optimizers import slot_names
from workers.engine.rng import Purpose
from workers.engine.steps.batches import training_rows
from workers.engine.steps.chunk_plan import plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.engine.problem import Problem
    from workers.engine.steps.batches import Batch
    from workers.engine.tensors import Array


class ChunkedStack:
    """K members, whose problems differ in nothing but seed, rates and the order of their rows.

    parameters and slots (K, P) are moved in place; a member gets the bits that it gets alone.
    What a call of `run` needs is left in coefficients (K, S, 3), loss_sums (K,), to which it adds,
    and counts (K,), the steps to do. orders (K, N) are the epoch's, (K, 0) without shuffling.
    n_rows and total_weight are those of an epoch.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        parameters: Array,
        slots: Mapping[str, Array],
        n_coefficients: int,
    ) -> None:
        first, members = problems[0], len(problems)
        rows = training_rows(first)
        self._X, self._shuffles = rows.X, first.spec.shuffle
        dtype, n_rows = parameters.dtype, len(rows.X)
        self.n_rows = n_rows
        weights = rows.weights
        self.total_weight = float(n_rows if weights is None else weights.sum(dtype=np.float64))
        plans = [plan(one.network, one.spec, min(one.spec.batch_size, n_rows)) for one in problems]
        program = plans[0].program
        self.batch_size = program.batch_size
        self.coefficients = np.ones((members, n_coefficients, N_COEFFICIENTS))
        self.loss_sums = np.zeros(members)
        self.counts = np.zeros(members, np.int64)
        self.orders = np.zeros((members, n_rows if self._shuffles else 0), np.int64)
        none = np.empty((members, 0), dtype)
        # By name: of a state that was stored, slots come in any order.
        ordered = [slots[name] for name in slot_names(first.spec.optimizer)]
        first_slot, second_slot = [*ordered, none, none][:2]
        call: Any = first.kernels.chunk
        self._run = call(
            program,
            _table(rows, dtype),
            Members(
                parameters=parameters,
                first_slot=first_slot,
                second_slot=second_slot,
                orders=self.orders,
                seeds=np.array([one.seed for one in problems], np.uint64),
                dropout_rates=np.stack([one.dropout_rates for one in plans]),
                coefficients=self.coefficients,
                loss_sums=self.loss_sums,
                counts=self.counts,
            ),
            Scratch(
                gradient=np.zeros(first.network.n_trainable, dtype),
                memory=np.zeros(plans[0].memory_size, dtype),
            ),
        )

    def enter(self, epoch: int) -> None:
        """Begin an epoch, from 0, with each member's order of the rows; not without shuffling."""
        self._run.shuffle(Purpose.SHUFFLE, epoch)

    def run(self, batch: int, steps_before: int, row: int) -> None:
        """Do counts (K,) steps, from this batch of the epoch, after so many steps in all.

        row is that of the first step's coefficients. counts are left as the steps done: fewer than
        asked for where the loss of the next was not finite; it moved nothing.
        """
        self._run(batch, steps_before, row)

    def inputs(self, member: int, index: int) -> Array:
        """X (B, I) of a batch of the member's epoch, index from 0."""
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        X: Array = self._X[self.orders[member, rows] if self._shuffles else rows]
        return X


def _table(rows: Batch, dtype: Any) -> Rows:
    """The rows in the types that the chunk was compiled for."""
    none = np.empty(0, dtype)
    labelled = rows.y.ndim == 1
    return Rows(
        X=rows.X,
        targets=np.empty((0, 0), dtype) if labelled else rows.y,
        labels=rows.y.astype(np.int64, copy=False) if labelled else np.empty(0, np.int64),
        weights=none if rows.weights is None else rows.weights,
    )
