"""The steps of an epoch in compiled chunks: many steps in one call that holds no lock."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from workers.engine import divergence
from workers.engine.steps.chunked_stack import ChunkedStack
from workers.engine.steps.timetable import Timetable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from workers.engine.problem import Problem
    from workers.engine.schedules import Rates
    from workers.engine.state import TrainingState
    from workers.engine.steps.vectors import Vectors
    from workers.engine.tensors import Array

CALL_S = 0.1
"""A call takes at most about so long: whoever waits for the run waits for it."""

_BLOCK = 1024
"""Steps whose coefficients are computed together; no call goes beyond a multiple of it."""

_SLOWEST_FLOPS = 5e9
_SLOWEST_STEP_S = 1e-5
"""Until a step was timed it is taken to be as slow as this: a part for its operations, a part for
itself."""


class ChunkedSteps:
    """Moves the states' parameters as `op_by_op.Steps` does, for what `chunk_plan.covers`.

    K problems of one shape, with the rates, dropouts and rows of each; all states stand at the same
    step, and their vectors are the rows of `vectors`.
    """

    def __init__(
        self, problems: Sequence[Problem], states: Sequence[TrainingState], vectors: Vectors
    ) -> None:
        self._problems = problems
        self._states = list(states)
        self._stacks = list(_stacks(problems, vectors))
        first = self._stacks[0][1]
        self.n_rows = first.n_rows
        self.total_weights = [stack.total_weight for of, stack in self._stacks for _ in states[of]]
        self._count = -(-self.n_rows // first.batch_size)
        self._timetables = [Timetable(one.spec, self._count, _BLOCK) for one in problems]
        self._loaded = -1
        self._rates: list[Rates] = []
        self._plateau_factors = [1.0 for _ in problems]
        self._step, self._step_in_epoch = states[0].step, states[0].step_in_epoch
        flops = 6.0 * problems[0].network.n_parameters * first.batch_size
        self._step_s = len(problems) * (_SLOWEST_STEP_S + flops / _SLOWEST_FLOPS)

    @property
    def learning_rate(self) -> float:
        """That of the last step done by the only member."""
        return self.learning_rates[0]

    @property
    def total_weight(self) -> float:
        """What the rows of an epoch count together for the only member."""
        return self.total_weights[0]

    @property
    def learning_rates(self) -> list[float]:
        """Those of the last step done."""
        block, row = divmod(max(1, self._step) - 1, _BLOCK)
        self._have(block)
        return [float(rates[row]) for rates in self._rates]

    def enter_epoch(self) -> None:
        """Go to the states' place in their epoch: an order is a function of seed and epoch."""
        first = self._states[0]
        self._step, self._step_in_epoch = first.step, first.step_in_epoch
        if self._problems[0].spec.shuffle:
            for _, stack in self._stacks:
                stack.enter(first.epoch)
        for timetable, state in zip(self._timetables, self._states, strict=True):
            timetable.enter(state.plateau_factor)
        factors = [state.plateau_factor for state in self._states]
        if factors != self._plateau_factors:
            self._plateau_factors, self._loaded = factors, -1

    def remain(self) -> bool:
        """Whether the epoch has steps to go, in runs of which none has stopped."""
        stopped = any(state.stop_reason is not None for state in self._states)
        return not stopped and self._step_in_epoch < self._count

    def advance(self, clock: Callable[[], float], until: float) -> None:
        """At least one step, then further ones until the time or the epoch is over."""
        self._call(clock, until)
        while self.remain() and clock() < until:
            self._call(clock, until)

    def _call(self, clock: Callable[[], float], until: float) -> None:
        """As many steps as fit into the time, by what the last ones took."""
        began = clock()
        fitting = int(min(until - began, CALL_S) / self._step_s)
        block, row = divmod(self._step, _BLOCK)
        self._have(block)
        asked = max(1, min(fitting, self._count - self._step_in_epoch, _BLOCK - row))
        for of, stack in self._stacks:
            states = self._states[of]
            stack.counts[:] = asked
            stack.loss_sums[:] = [state.loss_sum for state in states]
            stack.run(self._step_in_epoch, self._step, row)
            found = zip(states, stack.counts.tolist(), stack.loss_sums.tolist(), strict=True)
            for index, (state, done, loss_sum) in enumerate(found):
                state.loss_sum = loss_sum
                state.step += done
                state.step_in_epoch += done
                if done < asked:
                    X = stack.inputs(index, state.step_in_epoch)
                    self._diverge(state, self._problems[of][index], X)
        self._step += asked
        self._step_in_epoch += asked
        if (took := clock() - began) > 0.0:
            self._step_s = took / asked

    def _have(self, block: int) -> None:
        """Have the coefficients and rates of so many steps from a multiple of their number on."""
        if block == self._loaded:
            return
        self._rates = []
        tables = (table for _, stack in self._stacks for table in stack.coefficients)
        for timetable, table in zip(self._timetables, tables, strict=True):
            rates, columns = timetable.block(block)
            table[:, : len(columns)] = np.stack(columns, axis=1)
            self._rates.append(rates)
        self._loaded = block

    def _diverge(self, state: TrainingState, problem: Problem, X: Array) -> None:
        """The step behind those done had a loss that is not finite."""
        state.step += 1
        state.diverge(*divergence.behind_loss(problem, state.parameters, X, state.step))


def _stacks(problems: Sequence[Problem], vectors: Vectors) -> Iterator[tuple[slice, ChunkedStack]]:
    """A stack for each run of members that share their rows, as a chunk's members do."""
    start = 0
    for _, sharing in groupby(problems, lambda problem: id(problem.data)):
        of = slice(start, start := start + len(list(sharing)))
        slots = {name: slot[of] for name, slot in vectors.slots.items()}
        yield of, ChunkedStack(problems[of], vectors.parameters[of], slots, _BLOCK)
