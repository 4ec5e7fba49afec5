"""Training as a generator: the caller decides between the yields whether and how it goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.engine.epoch_end import EpochEnd, EpochReport
from workers.engine.kernels.plain import PLAIN
from workers.engine.problem import Problem, TrainingData
from workers.engine.spec import LbfgsSpec
from workers.engine.state import Divergence, TrainingState
from workers.engine.steps.chunk_plan import covers
from workers.engine.steps.chunked import ChunkedSteps
from workers.engine.steps.lbfgs import LbfgsSteps
from workers.engine.steps.op_by_op import Steps
from workers.engine.steps.vectors import alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workers.engine.kernels.contract import Kernels
    from workers.engine.network import Network
    from workers.engine.spec import TrainingSpec

__all__ = ["Divergence", "EpochReport", "Progress", "TrainingData", "TrainingState", "train"]

CHUNK_S = 0.05
"""A chunk of steps ends with the first step that ends later than this."""


@dataclass(frozen=True)
class Progress:
    """One yield: the epoch at work (from 1), the steps done in all; a report at its end only."""

    epoch: int
    step: int
    report: EpochReport | None


def train(  # noqa: PLR0913 - all six are the mathematics; the clock is for tests
    network: Network,
    state: TrainingState,
    data: TrainingData,
    spec: TrainingSpec,
    seed: int,
    *,
    kernels: Kernels = PLAIN,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress]:
    """Train from where `state` stands until `state.stop_reason` is set, yielding in between.

    Yields after about 50 ms of work and at the end of every epoch. `state` is changed in place
    and may be copied at any yield: training on from the copy gives the same bits as never having
    stopped. The reason is "max_epochs", "early_stopping", or "diverged": then the parameters are
    those of the last finite epoch, and there is no report for the epoch that failed.

    Raises ValueError (from the first `next`) where data and specification do not fit together.
    """
    state.place(kernels)
    training = _Training(Problem(network, data, spec, seed, kernels), state)
    while state.stop_reason is None:
        yield from training.epoch(clock)


class _Training:
    """One epoch after another on one state."""

    def __init__(self, problem: Problem, state: TrainingState) -> None:
        self._problem = problem
        self._state = state
        self._steps = _steps(problem, state)
        self._end = EpochEnd(problem)

    def epoch(self, clock: Callable[[], float]) -> Iterator[Progress]:
        """The rest of the epoch at work, with its report as the last yield."""
        state, steps, end = self._state, self._steps, self._end
        steps.enter_epoch()
        while steps.remain():
            steps.advance(clock, clock() + CHUNK_S)
            if steps.remain():
                yield Progress(state.epoch + 1, state.step, None)
        for _ in end.look(state):
            yield Progress(state.epoch + 1, state.step, None)
        if state.stop_reason is None:
            learning = state.loss_sum / steps.total_weight, steps.learning_rate
            report = end.close(state, self._problem.spec, end.seen, learning)
            yield Progress(state.epoch, state.step, report)


def _steps(problem: Problem, state: TrainingState) -> Steps | ChunkedSteps | LbfgsSteps:
    """The fastest way of stepping that covers the problem."""
    if isinstance(problem.spec.optimizer, LbfgsSpec):
        return LbfgsSteps(problem, state)
    if problem.kernels.chunk is not None and covers(problem.network, problem.spec):
        return ChunkedSteps([problem], [state], alone(state))
    return Steps(problem, state)
