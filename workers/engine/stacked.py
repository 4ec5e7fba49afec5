"""Many networks of one shape trained at once, each as if it trained alone.

What a step costs besides arithmetic is paid once for all members: the calls of op-by-op kernels,
the end of an epoch around a compiled chunk. Members differ in seed, learning rate, schedule,
weight decay, dropout, early stopping, number of epochs, and may have rows of their own, as many as
the others; each gets the bits of its own run on the same kernels. It serves ensembles, folds and
searches.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from workers.engine import divergence
from workers.engine.epoch_end import EpochEnd, EpochReport, Seen
from workers.engine.layers.dropout import Dropout
from workers.engine.spec import LbfgsSpec
from workers.engine.steps.chunk_plan import covers
from workers.engine.steps.chunked import ChunkedSteps
from workers.engine.steps.stacked import StackedSteps
from workers.engine.steps.vectors import join, leave
from workers.engine.training import CHUNK_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from workers.engine.network import Network
    from workers.engine.problem import Problem, TrainingData
    from workers.engine.spec import Optimizer
    from workers.engine.state import TrainingState

_OWN_TRAINING = {"epochs", "schedule", "early_stopping", "optimizer"}
_OWN_OPTIMIZER = {"learning_rate", "weight_decay"}


class StackError(ValueError):
    """Members cannot be stacked: what they differ in is not a thing that members may have own."""

    def __init__(self, member: int, difference: str) -> None:
        super().__init__(f"member {member} differs from member 0 in {difference}")
        self.member = member
        self.difference = difference


@dataclass(frozen=True)
class StackProgress:
    """One yield: the steps done by each member that is still at work.

    At the end of an epoch `reports` has that of each member, by its place among the problems.
    """

    step: int
    reports: Mapping[int, EpochReport]


def train_stacked(
    problems: Sequence[Problem],
    states: Sequence[TrainingState],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[StackProgress]:
    """Train all members until each state has its `stop_reason`, yielding as `training.train` does.

    All problems share one `kernels`; those that share one `data` best lie side by side. The states
    that have not stopped stand at one step, as initial ones do and as copies taken at one yield do.
    Each is changed in place, and may be copied at any yield and trained on alone.

    Raises StackError where members differ in more than they may, ValueError as `train` does.
    """
    _check(problems, states)
    kernels = problems[0].kernels
    for state in states:
        state.place(kernels)
    by_data = {id(problem.data): problem for problem in problems}
    of_data = {key: EpochEnd(problem) for key, problem in by_data.items()}
    ends = [of_data[id(problem.data)] for problem in problems]
    while members := [k for k, state in enumerate(states) if state.stop_reason is None]:
        stack = _Stack(
            [problems[k] for k in members], [states[k] for k in members], [ends[k] for k in members]
        )
        for progress in stack.run(clock):
            named = {members[place]: report for place, report in progress.reports.items()}
            yield replace(progress, reports=named)


def difference(first: Problem, other: Problem) -> str | None:
    """What keeps two problems from being members of one stack; None where nothing does."""
    if isinstance(first.spec.optimizer, LbfgsSpec):
        return "optimizer"
    return next((name for name, is_equal in _comparisons(first, other) if not is_equal), None)


class _Stack:
    """The members that are left, until one stops: then those that go on are another stack."""

    def __init__(
        self,
        problems: Sequence[Problem],
        states: Sequence[TrainingState],
        ends: Sequence[EpochEnd],
    ) -> None:
        first = problems[0]
        self._vectors = join(states, first.kernels.xp)
        is_covered = first.kernels.chunk is not None and all(
            covers(one.network, one.spec) for one in problems
        )
        make = ChunkedSteps if is_covered else StackedSteps
        self._steps = make(problems, states, self._vectors)
        self._problems, self._states, self._ends = problems, states, ends

    def run(self, clock: Callable[[], float]) -> Iterator[StackProgress]:
        """Epoch after epoch while all members are at it."""
        while not self._stopped():
            yield from self._epoch(clock)
        for state in self._states:
            leave(state)

    def _epoch(self, clock: Callable[[], float]) -> Iterator[StackProgress]:
        steps = self._steps
        steps.enter_epoch()
        while steps.remain():
            steps.advance(clock, clock() + CHUNK_S)
            if steps.remain():
                yield self._progress()
        if self._stopped():
            return
        seen = []
        is_finite = self._is_finite()
        for state, end in zip(self._states, self._ends, strict=True):
            for _ in end.look(state, is_finite=is_finite):
                yield self._progress()
            seen.append(end.seen)
        # All at once: a copy taken at a yield has the members side by side.
        yield self._close(seen)

    def _is_finite(self) -> bool:
        """Whether surely nobody has diverged: one sum for all, where each has but few numbers."""
        parameters, average, slots = self._vectors
        vectors = [parameters, *slots.values(), *([] if average is None else [average])]
        kernels = self._problems[0].kernels
        return all(divergence.is_finite(vector.reshape(-1), kernels) for vector in vectors)

    def _close(self, seen: list[Seen]) -> StackProgress:
        steps, reports = self._steps, {}
        rates, totals = steps.learning_rates, steps.total_weights
        for place, state in enumerate(self._states):
            if state.stop_reason is None:
                spec, learning = (
                    self._problems[place].spec,
                    (state.loss_sum / totals[place], rates[place]),
                )
                reports[place] = self._ends[place].close(state, spec, seen[place], learning)
        return replace(self._progress(), reports=reports)

    def _stopped(self) -> bool:
        return any(state.stop_reason is not None for state in self._states)

    def _progress(self) -> StackProgress:
        furthest = max(self._states, key=lambda state: state.step)
        return StackProgress(furthest.step, {})


def _check(problems: Sequence[Problem], states: Sequence[TrainingState]) -> None:
    first = problems[0]
    if len(states) != len(problems):
        raise ValueError(f"{len(problems)} problems, but {len(states)} states")
    if isinstance(first.spec.optimizer, LbfgsSpec):
        raise ValueError("L-BFGS searches along a line of its own: it cannot be stacked")
    for index, problem in enumerate(problems):
        if (found := difference(first, problem)) is not None:
            raise StackError(index, found)
    places = {(s.epoch, s.step, s.step_in_epoch) for s in states if s.stop_reason is None}
    if len(places) > 1:
        raise ValueError("the states do not stand at one step")


def _comparisons(first: Problem, other: Problem) -> Iterator[tuple[str, bool]]:
    """What members must have in common, and whether these two have."""
    yield "data", _rows(first.data) == _rows(other.data)
    yield "kernels", first.kernels is other.kernels
    yield "network", _shape(first.network) == _shape(other.network)
    yield "regularization", first.network.regularized == other.network.regularized
    for name in {field.name for field in fields(first.spec)} - _OWN_TRAINING:
        yield name, getattr(first.spec, name) == getattr(other.spec, name)
    yield "optimizer", _common(first.spec.optimizer) == _common(other.spec.optimizer)


def _rows(data: TrainingData) -> tuple[object, ...]:
    return data.X.shape, data.y.shape, data.weights is None


def _common(optimizer: Optimizer) -> dict[str, object]:
    values = {field.name: getattr(optimizer, field.name) for field in fields(optimizer)}
    return {name: value for name, value in values.items() if name not in _OWN_OPTIMIZER}


def _shape(network: Network) -> tuple[object, ...]:
    layers = [replace(e, rate=0.0) if isinstance(e, Dropout) else e for e in network.layers]
    return layers, network.embeddings, network.skip, network.output_activation
