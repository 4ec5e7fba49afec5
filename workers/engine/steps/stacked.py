"""The steps of stacked members, op by op: every pass over the arrays of all members at once.

Where `op_by_op.Steps` has a batch (B, I), here is (K, B, I), gathered for each member in its own
order; where it has a vector (P,), here is (K, P).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.engine import divergence, rng
from workers.engine.kernels.contract import UpdateVectors
from workers.engine.steps.descent import Descent
from workers.engine.steps.passes import Pass
from workers.engine.steps.stacked_batches import StackedBatches, Tables
from workers.engine.steps.timetable import BLOCK, Timetable
from workers.engine.steps.vectors import leave
from workers.engine.steps.weighing import Weighing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workers.engine.kernels.contract import Coefficients
    from workers.engine.problem import Problem
    from workers.engine.state import TrainingState
    from workers.engine.steps.vectors import Vectors


class StackedSteps:
    """K problems of one shape, with the rates, dropouts and rows of each; the states are in step.

    Their vectors are the rows of `vectors`. A member whose loss is not finite leaves them; its
    caller then goes on without it.
    """

    def __init__(
        self, problems: Sequence[Problem], states: Sequence[TrainingState], vectors: Vectors
    ) -> None:
        self._problems, self._states = problems, states
        problem = problems[0].stacked(problems)
        network, spec, memory = problem.network, problem.spec, problem.memory
        members = len(problems)
        self._kernels, self._spec = problem.kernels, spec
        self._batches = StackedBatches(Tables.of(problems), spec.batch_size, memory)
        self._weighings = [Weighing(one, self._batches) for one in problems]
        self.n_rows = self._batches.n_rows
        self.total_weights = [weighing.total for weighing in self._weighings]
        self._group = spec.accumulate
        self._count = -(-self._batches.count // self._group)
        self._gradient = memory.empty((members, network.n_trainable))
        self._mean = memory.empty((members, network.n_trainable if self._group > 1 else 0))
        self._descend = Descent(
            problem,
            UpdateVectors(vectors.parameters, self._gradient, vectors.slots, network.n_decayed),
            vectors.average,
        )
        seeds = tuple(one.seed for one in problems)
        sizes = {self._batches.batch_size, self._batches.tail} - {0}
        self._passes = {
            size: Pass(problem, size, vectors.parameters, self._gradient, seeds) for size in sizes
        }
        self._shuffler = rng.Shuffler()
        self._timetables = Timetables([Timetable(one.spec, self._count) for one in problems])
        self._losses = memory.empty((self._kernels.steps_per_check * self._group, members))
        self._loss_slots = list(self._losses)
        self._unread: list[tuple[int, list[float]]] = []
        self._loss_sums = np.zeros(members)
        self._step, self._step_in_epoch = 0, 0

    @property
    def learning_rates(self) -> list[float]:
        """Those of the last step done."""
        return self._timetables.rates(max(1, self._step))

    def enter_epoch(self) -> None:
        """Go to the states' place in their epoch: an order is a function of seed and epoch."""
        first = self._states[0]
        self._step, self._step_in_epoch = first.step, first.step_in_epoch
        self._loss_sums[:] = [state.loss_sum for state in self._states]
        orders = [
            self._shuffler.order(one.seed, first.epoch, self.n_rows) if self._spec.shuffle else None
            for one in self._problems
        ]
        self._batches.enter(orders)
        for weighing, order in zip(self._weighings, orders, strict=True):
            weighing.enter(order)
        self._timetables.enter([state.plateau_factor for state in self._states])

    def remain(self) -> bool:
        """Whether the epoch has steps to go, in runs of which none has stopped."""
        stopped = any(state.stop_reason is not None for state in self._states)
        return not stopped and self._step_in_epoch < self._count

    def advance(self, clock: Callable[[], float], until: float) -> None:
        """At least one step, then further ones until the time or the epoch is over."""
        with np.errstate(all="ignore"):
            self._do_step()
            while self.remain() and clock() < until:
                self._do_step()
            if self._unread:
                self._read_losses()
        for state, loss_sum in zip(self._states, self._loss_sums.tolist(), strict=True):
            if state.stop_reason is None:
                state.step, state.step_in_epoch = self._step, self._step_in_epoch
                state.loss_sum = loss_sum

    def _do_step(self) -> None:
        first = self._step_in_epoch * self._group
        self._step += 1
        if self._group == 1:
            self._backpropagate(first)
        else:
            self._accumulate(range(first, min(first + self._group, self._batches.count)))
        if len(self._unread) == len(self._losses):
            self._read_losses()
        self._descend(self._timetables.coefficients(self._step))
        self._step_in_epoch += 1

    def _backpropagate(self, index: int) -> None:
        """Leave the members' gradients of a batch in the gradient vectors."""
        batch, epoch = self._batches.batch(index), self._states[0].epoch
        number = epoch * self._batches.count + index + 1
        self._passes[batch.X.shape[1]].run(batch, number, self._loss_slots[len(self._unread)])
        weights = [weighing.weights[index] for weighing in self._weighings]
        self._unread.append((self._step, weights))

    def _accumulate(self, indices: range) -> None:
        """Leave the mean gradients of several batches, by the weights of their rows."""
        xp, mean, gradient = self._kernels.xp, self._mean, self._gradient
        weights = [[w.weights[index] for index in indices] for w in self._weighings]
        totals = [sum(of_member) or 1.0 for of_member in weights]
        mean[...] = 0.0
        for place, index in enumerate(indices):
            self._backpropagate(index)
            for member, total in enumerate(totals):
                part, share = gradient[member], weights[member][place] / total
                xp.multiply(part, share, out=part)
            xp.add(mean, gradient, out=mean)
        xp.copyto(gradient, mean)

    def _read_losses(self) -> None:
        """Add up the losses since the last reading; a member leaves at one that is not finite."""
        values = self._kernels.to_host(self._losses)
        unread, self._unread = self._unread, []
        for (step, weights), losses in zip(unread, values, strict=False):
            wide = losses.astype(np.float64)
            if not np.isfinite(wide).all():
                self._let_go(np.flatnonzero(~np.isfinite(wide)).tolist(), step)
            self._loss_sums += wide * weights

    def _let_go(self, members: list[int], step: int) -> None:
        first = self._step_in_epoch * self._group
        number = self._states[0].epoch * self._batches.count + first + 1
        to_host = self._kernels.to_host
        for member in members:
            state = self._states[member]
            if state.stop_reason is not None:
                continue
            leave(state)
            state.step, state.step_in_epoch = self._step, self._step_in_epoch
            state.loss_sum = float(self._loss_sums[member])
            X = to_host(self._batches.batch(first).X)[member]
            parameters = to_host(state.parameters)
            place = divergence.behind_loss(self._problems[member], parameters, X, number)
            state.diverge(*place, step)


class Timetables:
    """The members' timetables as columns (K, 1): no step asks each member."""

    def __init__(self, timetables: Sequence[Timetable]) -> None:
        self._timetables = timetables
        self._plateau_factors = [1.0] * len(timetables)
        self._loaded = -1
        self._rates: list[list[float]] = []
        self._table: list[Coefficients] = []

    def enter(self, plateau_factors: Sequence[float]) -> None:
        """Begin an epoch with what reduce_on_plateau has come to."""
        factors = list(plateau_factors)
        if factors == self._plateau_factors:
            return
        self._plateau_factors, self._loaded = factors, -1
        for timetable, factor in zip(self._timetables, factors, strict=True):
            timetable.enter(factor)

    def rates(self, n: int) -> list[float]:
        """The learning rates of step n."""
        place = self._place(n)
        return self._rates[place]

    def coefficients(self, n: int) -> Coefficients:
        """The coefficients of step n, each (K, 1)."""
        place = self._place(n)
        return self._table[place]

    def _place(self, n: int) -> int:
        index, place = divmod(n - 1, BLOCK)
        if index != self._loaded:
            blocks = [timetable.block(index) for timetable in self._timetables]
            self._rates = np.stack([rates for rates, _ in blocks], axis=1).tolist()
            kinds = zip(*(coefficients for _, coefficients in blocks), strict=True)
            columns = [np.stack(of_kind, axis=1)[..., None] for of_kind in kinds]
            self._table = list(zip(*columns, strict=True))
            self._loaded = index
        return place
