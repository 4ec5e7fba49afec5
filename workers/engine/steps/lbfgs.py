"""L-BFGS on the whole table: one step, with its line search, per epoch (Nocedal and Wright 2006).

Everything that a step knows of those before lies in the state's slots, so that a training goes on
with the same bits: pairs of a step s and the change y of the gradient over it, the newest last, all
0 where there are none yet; the gradient where the parameters stand, and the objective there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from workers.engine import divergence
from workers.engine.steps.batches import training_rows
from workers.engine.steps.descent import Average
from workers.engine.steps.line_search import LineSearch, Point
from workers.engine.steps.passes import Pass
from workers.engine.steps.regularization import Penalties
from workers.engine.steps.timetable import Timetable

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.problem import Problem
    from workers.engine.spec import LbfgsSpec
    from workers.engine.state import TrainingState
    from workers.engine.tensors import Array

FIRST_BATCH = 1
"""Dropout keeps the masks of the first batch: a search needs one and the same objective."""

_LEAST_CURVATURE = 1e-10


class LbfgsSteps:
    """Moves the state's parameters as `op_by_op.Steps` does, on all rows at once.

    The objective is the loss with its penalties. Raises ValueError for smaller batches, for
    clipping and for bounds on weights, which belong to other methods.
    """

    def __init__(self, problem: Problem, state: TrainingState) -> None:
        network, spec, memory = problem.network, problem.spec, problem.memory
        self._problem = problem
        self._spec = cast("LbfgsSpec", spec.optimizer)
        self._state = state
        self._rows = training_rows(problem)
        self.n_rows = len(self._rows.X)
        _require(problem, self.n_rows)
        weights = problem.data.weights
        self.total_weight = float(self.n_rows if weights is None else weights.sum(dtype=float))
        self._w = state.parameters[: network.n_trainable]
        self._gradient = memory.empty((network.n_trainable,))
        self._start = memory.empty((network.n_trainable,))
        self._direction = memory.empty((network.n_trainable,))
        self._loss_slot = memory.empty(())
        self._loss = 0.0
        self._pass = Pass(problem, self.n_rows, state.parameters, self._gradient)
        self._penalties = Penalties(network, state.parameters, self._gradient, memory)
        self._timetable = Timetable(spec, 1)
        self._average = None
        if state.average is not None and spec.ema_decay is not None:
            self._average = Average(state.average, state.parameters, spec.ema_decay, memory)

    @property
    def learning_rate(self) -> float:
        """That of the last step done: where its line search began."""
        return self._timetable.rate(max(1, self._state.step))

    def enter_epoch(self) -> None:
        """Go to the state's place in its epoch, which has one step."""
        self._timetable.enter(self._state.plateau_factor)

    def remain(self) -> bool:
        """Whether the epoch has its step to go, in a run that has not stopped."""
        return self._state.stop_reason is None and self._state.step_in_epoch == 0

    def advance(self, clock: Callable[[], float], until: float) -> None:  # noqa: ARG002
        """The step, however long it takes."""
        with np.errstate(all="ignore"):
            self._step()

    def _step(self) -> None:
        state, slots = self._state, self._state.slots
        if state.step == 0:
            self._remember(self._objective())
        state.step += 1
        objective, loss = (float(number) for number in state.to_host(slots["objective"]))
        if not math.isfinite(objective):
            self._diverge()
            return
        state.loss_sum += loss * self.total_weight
        slope = self._set_direction()
        if slope < 0.0:
            self._search(Point(0.0, objective, slope))
        if self._average is not None:
            self._average.follow()
        state.step_in_epoch += 1

    def _search(self, start: Point) -> None:
        """Go along the direction, and remember where that led."""
        state, slots = self._state, self._state.slots
        self._start[...] = self._w
        first = self._timetable.rate(state.step)
        if not self._has_pairs():
            first *= min(1.0, 1.0 / self._number(abs(slots["gradient"]).sum()))
        search = LineSearch(self._along(start), start, self._spec.max_evaluations)
        found = search.run(first)
        if found.t == 0.0:
            # Nothing better that way: the next step is one of steepest descent.
            self._w[...] = self._start
            slots["steps"][...] = 0.0
            slots["changes"][...] = 0.0
            return
        # The search may have looked at another point last.
        objective = self._evaluate(found.t)
        self._push_pair()
        self._remember(objective)

    def _along(self, start: Point) -> Callable[[float], Point]:
        def at(t: float) -> Point:
            value = self._evaluate(t)
            slope = self._dot(self._gradient, self._direction)
            if math.isfinite(value) and math.isfinite(slope):
                return Point(t, value, slope)
            return Point(t, math.inf, -start.slope)

        return at

    def _evaluate(self, t: float) -> float:
        """The objective at w = start + t direction; its gradient is left in the gradient vector."""
        xp = self._problem.kernels.xp
        xp.multiply(self._direction, t, out=self._w)
        xp.add(self._w, self._start, out=self._w)
        return self._objective()

    def _objective(self) -> float:
        self._pass.run(self._rows, FIRST_BATCH, self._loss_slot)
        self._loss = self._number(self._loss_slot)
        if not self._penalties:
            return self._loss
        self._penalties.add()
        return self._loss + self._number(self._penalties.value())

    def _remember(self, objective: float) -> None:
        slots = self._state.slots
        slots["gradient"][...] = self._gradient
        slots["objective"][0], slots["objective"][1] = objective, self._loss

    def _push_pair(self) -> None:
        """The step and the change of the gradient become the newest pair, the oldest is dropped.

        A pair without curvature would make the approximation indefinite: it is left out.
        """
        slots, xp = self._state.slots, self._problem.kernels.xp
        step, change = self._start, self._direction
        xp.subtract(self._w, self._start, out=step)
        xp.subtract(self._gradient, slots["gradient"], out=change)
        if self._dot(step, change) <= _LEAST_CURVATURE * self._dot(change, change):
            return
        for name, newest in (("steps", step), ("changes", change)):
            kept = slots[name]
            for row in range(len(kept) - 1):
                kept[row] = kept[row + 1]
            kept[-1] = newest

    def _set_direction(self) -> float:
        """D = -H g by the two-loop recursion (algorithm 7.4); returns the slope along it."""
        slots, xp, d = self._state.slots, self._problem.kernels.xp, self._direction
        xp.negative(slots["gradient"], out=d)
        pairs = list(zip(slots["steps"], slots["changes"], strict=True))
        curvatures = [self._dot(s, y) for s, y in pairs]
        factors = [0.0] * len(pairs)
        used = [row for row, curvature in enumerate(curvatures) if curvature > 0.0]
        for row in reversed(used):
            s, y = pairs[row]
            factors[row] = self._dot(s, d) / curvatures[row]
            xp.subtract(d, factors[row] * y, out=d)
        if used:
            newest = pairs[used[-1]][1]
            xp.multiply(d, curvatures[used[-1]] / self._dot(newest, newest), out=d)
        for row in used:
            s, y = pairs[row]
            back = self._dot(y, d) / curvatures[row]
            xp.add(d, (factors[row] - back) * s, out=d)
        return self._dot(slots["gradient"], d)

    def _has_pairs(self) -> bool:
        return self._dot(self._state.slots["steps"][-1], self._state.slots["steps"][-1]) > 0.0

    def _dot(self, a: Array, b: Array) -> float:
        return self._number(self._problem.kernels.xp.dot(a, b))

    def _number(self, array: Any) -> float:
        """A number of the device on the host: the search decides by it."""
        return float(self._problem.kernels.to_host(array))

    def _diverge(self) -> None:
        state, to_host = self._state, self._problem.kernels.to_host
        parameters, X = to_host(state.parameters), to_host(self._rows.X)
        state.diverge(*divergence.behind_loss(self._problem, parameters, X, FIRST_BATCH))


def _require(problem: Problem, n_rows: int) -> None:
    spec = problem.spec
    if spec.batch_size < n_rows:
        raise ValueError(f"L-BFGS needs all {n_rows} rows in one batch, not {spec.batch_size}")
    if spec.clip_norm is not None or spec.clip_value is not None:
        raise ValueError("L-BFGS searches along its own direction: no clipping")
    if any(part.max_norm is not None for part in problem.network.regularized):
        raise ValueError("L-BFGS searches freely: no bounds on weights")
