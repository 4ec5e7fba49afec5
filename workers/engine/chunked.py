"""The steps of an epoch in compiled chunks: many steps in one call that holds no lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.engine import divergence, rng
from workers.engine.batches import training_rows
from workers.engine.chunked_stack import ChunkedStack
from workers.engine.kernels.program import N_COEFFICIENTS
from workers.engine.timetable import Timetable

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.problem import Problem
    from workers.engine.state import TrainingState
    from workers.engine.tensors import Array, Labels

CALL_S = 0.1
"""A call takes at most about so long: whoever waits for the run waits for it."""

_BLOCK = 4096
"""Steps whose coefficients are computed together; no call goes beyond a multiple of it."""

_SLOWEST_FLOPS = 5e9
_SLOWEST_STEP_S = 1e-5
"""Until a step was timed it is taken to be as slow as this: a part for its operations, a part for
itself."""


class ChunkedSteps:
    """Moves the state's parameters as `steps.Steps` does, for what `chunk_plan.covers`."""

    def __init__(self, problem: Problem, state: TrainingState) -> None:
        rows = training_rows(problem)
        self._problem = problem
        self._state = state
        self._X = rows.X
        self.n_rows = len(rows.X)
        self.total_weight = float(self.n_rows)
        if rows.weights is not None:
            self.total_weight = float(rows.weights.sum(dtype=np.float64))
        slots = {name: slot[np.newaxis] for name, slot in state.slots.items()}
        self._stack = ChunkedStack([problem], rows, state.parameters[np.newaxis], slots)
        self._count = -(-self.n_rows // self._stack.batch_size)
        self._timetable = Timetable(problem.spec, self._count, _BLOCK)
        self._coefficients = Coefficients(self._timetable)
        self._order: Labels | None = None
        flops = 6.0 * problem.network.n_parameters * self._stack.batch_size
        self._step_s = _SLOWEST_STEP_S + flops / _SLOWEST_FLOPS

    @property
    def learning_rate(self) -> float:
        """That of the last step done."""
        return self._timetable.rate(max(1, self._state.step))

    def enter_epoch(self) -> None:
        """Go to the state's place in its epoch: its order is a function of seed and epoch."""
        state, problem = self._state, self._problem
        if problem.spec.shuffle:
            self._order = rng.shuffled(problem.seed, state.epoch, self.n_rows)
        self._stack.enter([self._order])
        self._coefficients.enter(state.plateau_factor)

    def remain(self) -> bool:
        """Whether the epoch has steps to go, in a run that has not stopped."""
        state = self._state
        return state.stop_reason is None and state.step_in_epoch < self._count

    def advance(self, clock: Callable[[], float], until: float) -> None:
        """At least one step, then further ones until the time or the epoch is over."""
        self._call(clock, until)
        while self.remain() and clock() < until:
            self._call(clock, until)

    def _call(self, clock: Callable[[], float], until: float) -> None:
        """As many steps as fit into the time, by what the last ones took."""
        state, began = self._state, clock()
        fitting = int(min(until - began, CALL_S) / self._step_s)
        coefficients = self._coefficients.following(state.step)
        asked = max(1, min(fitting, self._count - state.step_in_epoch, len(coefficients)))
        loss_sums, counts = np.array([state.loss_sum]), np.array([asked], np.int64)
        place = (state.step_in_epoch, state.step)
        self._stack.run(place, coefficients[np.newaxis], loss_sums, counts)
        done = int(counts[0])
        state.loss_sum = float(loss_sums[0])
        state.step += done
        state.step_in_epoch += done
        if done < asked:
            self._diverge()
        elif (took := clock() - began) > 0.0:
            self._step_s = took / done

    def _diverge(self) -> None:
        """The step behind those done had a loss that is not finite."""
        state = self._state
        state.step += 1
        start = state.step_in_epoch * self._stack.batch_size
        rows = slice(start, start + self._stack.batch_size)
        X = self._X[rows if self._order is None else self._order[rows]]
        place = divergence.behind_loss(self._problem, state.parameters, X, state.step)
        state.diverge(*place)


class Coefficients:
    """The coefficients of steps as rows of a table, columns as `kernels.program` names them."""

    def __init__(self, timetable: Timetable) -> None:
        self._timetable = timetable
        self._table = np.ones((timetable.block_length, N_COEFFICIENTS))
        self._loaded = -1
        self._plateau_factor = 1.0

    def enter(self, plateau_factor: float) -> None:
        """Begin an epoch with what reduce_on_plateau has come to."""
        if plateau_factor != self._plateau_factor:
            self._plateau_factor = plateau_factor
            self._loaded = -1
        self._timetable.enter(plateau_factor)

    def following(self, step: int) -> Array:
        """Those of the steps after so many, (S, 3): S at least 1, as many as are computed."""
        index, place = divmod(step, self._timetable.block_length)
        if index != self._loaded:
            _, columns = self._timetable.block(index)
            self._table[:, : len(columns)] = np.stack(columns, axis=1)
            self._loaded = index
        return self._table[place:]
