"""One batch forward and backward: from rows to loss and gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine import losses
from workers.engine.tensors import BatchRows

if TYPE_CHECKING:
    from workers.engine.problem import Problem
    from workers.engine.steps.batches import Batch
    from workers.engine.tensors import Array


class Pass:
    """Forward and backward for batches of one size: from rows to loss and gradient."""

    def __init__(
        self,
        problem: Problem,
        rows: int,
        parameters: Array,
        gradient: Array,
        seeds: tuple[int, ...] = (),
    ) -> None:
        """Stacked members have an axis in front of their vectors, and a seed each."""
        network = problem.network
        self._network = network.on_batch(
            BatchRows(rows, rows), parameters, gradient, problem.kernels, seeds or (problem.seed,)
        )
        self._d_logits = self._network.d_logits
        self._loss = losses.on_batch(
            problem.spec.loss,
            network.output_activation,
            (*parameters.shape[:-1], rows, network.n_outputs),
            problem.memory,
            problem.kernels,
            members=network.members,
        )

    def run(self, batch: Batch, number: int, value: Array) -> None:
        """Leave the mean loss in `value` (); number counts the batches of the run from 1."""
        network = self._network
        scores = network.forward(batch.X, number)
        self._loss(scores, batch.y, batch.weights, self._d_logits, value)
        network.backward()
