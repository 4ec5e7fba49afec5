"""The steps of an epoch: forward, loss, backward, update, op by op through the kernels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from workers.engine import divergence, rng
from workers.engine.kernels.contract import UpdateVectors
from workers.engine.steps.batches import Batches, training_rows
from workers.engine.steps.descent import Descent
from workers.engine.steps.passes import Pass
from workers.engine.steps.timetable import Timetable
from workers.engine.steps.weighing import Weighing

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.problem import Problem
    from workers.engine.state import TrainingState


class Steps:
    """Moves the state's parameters; all memory is taken here, none per step.

    `total_weight` is what the rows of an epoch count together: its loss is a mean by it.
    """

    def __init__(self, problem: Problem, state: TrainingState) -> None:
        network, spec, memory = problem.network, problem.spec, problem.memory
        self._problem = problem
        self._state = state
        self._batches = Batches(
            training_rows(problem, in_parts=True), spec.batch_size, memory, problem.kernels.upload
        )
        self._weighing = Weighing(problem, self._batches)
        self.n_rows = self._batches.n_rows
        self.total_weight = self._weighing.total
        self._group = spec.accumulate
        self._count = -(-self._batches.count // self._group)
        self._gradient = memory.empty((network.n_trainable,))
        self._mean = memory.empty((network.n_trainable if self._group > 1 else 0,))
        vectors = UpdateVectors(state.parameters, self._gradient, state.slots, network.n_decayed)
        self._descend = Descent(problem, vectors, state.average)
        sizes = {self._batches.batch_size, self._batches.tail} - {0}
        self._passes = {
            size: Pass(problem, size, state.parameters, self._gradient) for size in sizes
        }
        self._shuffler = rng.Shuffler()
        self._timetable = Timetable(spec, self._count)
        self._losses = memory.empty((problem.kernels.steps_per_check * self._group,))
        self._loss_slots = [self._losses[i : i + 1].reshape(()) for i in range(len(self._losses))]
        self._unread: list[tuple[int, float]] = []

    @property
    def learning_rate(self) -> float:
        """That of the last step done."""
        return self._timetable.rate(max(1, self._state.step))

    def enter_epoch(self) -> None:
        """Go to the state's place in its epoch: its order is a function of seed and epoch."""
        state, order = self._state, None
        if self._problem.spec.shuffle:
            order = self._shuffler.order(self._problem.seed, state.epoch, self.n_rows)
        self._batches.enter(order)
        self._weighing.enter(order)
        self._timetable.enter(state.plateau_factor)

    def remain(self) -> bool:
        """Whether the epoch has steps to go, in a run that has not stopped."""
        state = self._state
        return state.stop_reason is None and state.step_in_epoch < self._count

    def advance(self, clock: Callable[[], float], until: float) -> None:
        """At least one step, then further ones until the time or the epoch is over."""
        with np.errstate(all="ignore"):
            self._step()
            while self.remain() and clock() < until:
                self._step()
            if self._unread:
                self._read_losses()

    def _step(self) -> None:
        state = self._state
        first = state.step_in_epoch * self._group
        state.step += 1
        if self._group == 1:
            self._backpropagate(first)
        else:
            self._accumulate(range(first, min(first + self._group, self._batches.count)))
        if len(self._unread) == len(self._losses) and not self._read_losses():
            return
        self._descend(self._timetable.coefficients(state.step))
        state.step_in_epoch += 1

    def _backpropagate(self, index: int) -> None:
        """Leave the gradient of a batch in the gradient vector."""
        state, batch = self._state, self._batches.batch(index)
        value = self._loss_slots[len(self._unread)]
        number = state.epoch * self._batches.count + index + 1
        self._passes[len(batch.X)].run(batch, number, value)
        self._unread.append((state.step, self._weighing.weights[index]))

    def _accumulate(self, indices: range) -> None:
        """Leave the mean gradient of several batches, by the weights of their rows."""
        xp, mean, gradient = self._problem.kernels.xp, self._mean, self._gradient
        weights = [self._weighing.weights[index] for index in indices]
        total = sum(weights) or 1.0
        mean[...] = 0.0
        for index, weight in zip(indices, weights, strict=True):
            self._backpropagate(index)
            xp.multiply(gradient, weight / total, out=gradient)
            xp.add(mean, gradient, out=mean)
        xp.copyto(gradient, mean)

    def _read_losses(self) -> bool:
        """Add up the losses since the last reading; False, and the end, at one not finite."""
        state, unread = self._state, self._unread
        found = self._problem.kernels.to_host(self._losses).tolist()
        for loss, (step, weight) in zip(found, unread, strict=False):
            if not math.isfinite(loss):
                unread.clear()
                self._diverge(step)
                return False
            state.loss_sum += loss * weight
        unread.clear()
        return True

    def _diverge(self, step: int) -> None:
        state, to_host = self._state, self._problem.kernels.to_host
        first = state.step_in_epoch * self._group
        number = state.epoch * self._batches.count + first + 1
        X = to_host(self._batches.batch(first).X)
        place = divergence.behind_loss(self._problem, to_host(state.parameters), X, number)
        state.diverge(*place, step)
