"""Training as a generator: the caller decides between the yields whether and how it goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workers.engine import divergence, judging
from workers.engine.chunk_plan import covers
from workers.engine.chunked import ChunkedSteps
from workers.engine.kernels.plain import PLAIN
from workers.engine.lbfgs import LbfgsSteps
from workers.engine.problem import Problem, TrainingData
from workers.engine.spec import LbfgsSpec
from workers.engine.state import Divergence, TrainingState
from workers.engine.steps import Steps
from workers.engine.tensors import Array
from workers.engine.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workers.engine.kernels.contract import Kernels
    from workers.engine.network import Network
    from workers.engine.spec import TrainingSpec

__all__ = ["Divergence", "EpochReport", "Progress", "TrainingData", "TrainingState", "train"]

CHUNK_S = 0.05
"""A chunk of steps ends with the first step that ends later than this."""


@dataclass(frozen=True)
class EpochReport:
    """What an epoch came to: train_loss is the mean over its rows, each as it was trained.

    val_outputs (N, K) are the network's answers on the validation rows after the epoch, metrics
    what `TrainingData.measure` made of them; learning_rate is that of the last step.
    """

    epoch: int
    train_loss: float
    val_loss: float | None
    val_outputs: Array | None
    learning_rate: float
    metrics: Mapping[str, float] = field(default_factory=dict)


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
        validates = problem.data.X_validation is not None
        self._validation = Validation(problem) if validates else None
        monitor, _ = judging.monitor(problem.spec, validates=validates)
        if not validates and monitor != "train_loss":
            raise ValueError(f"early stopping on {monitor} needs validation rows")

    def epoch(self, clock: Callable[[], float]) -> Iterator[Progress]:
        """The rest of the epoch at work, with its report as the last yield."""
        state, steps, validation = self._state, self._steps, self._validation
        steps.enter_epoch()
        while steps.remain():
            steps.advance(clock, clock() + CHUNK_S)
            if steps.remain():
                yield Progress(state.epoch + 1, state.step, None)
        self._check_vectors()
        if validation is not None and state.stop_reason is None:
            for _ in validation.run(state.to_host(state.judged)):
                yield Progress(state.epoch + 1, state.step, None)
            if not math.isfinite(validation.loss):
                norm = divergence.finite_norm(validation.outputs)
                state.diverge("val_loss", norm)
        if state.stop_reason is None:
            yield self._close()

    def _check_vectors(self) -> None:
        """What the last step did no loss has shown yet."""
        state, network = self._state, self._problem.network
        if state.stop_reason is not None:
            return
        vectors = [(network.layout, state.parameters), (network.layout, state.judged)]
        vectors += [(network.trainable, slot) for slot in state.slots.values() if slot.ndim == 1]
        for layout, vector in vectors:
            place = divergence.in_vector(layout, state.to_host(vector))
            if place is not None:
                state.diverge(*place)
                return

    def _close(self) -> Progress:
        state, validation = self._state, self._validation
        figures = {"train_loss": state.loss_sum / self._steps.total_weight}
        metrics: Mapping[str, float] = {}
        if validation is not None:
            figures["val_loss"] = validation.loss
            measure = self._problem.data.measure
            metrics = {} if measure is None else measure(validation.outputs)
        learning_rate = self._steps.learning_rate
        state.close_epoch({**figures, **metrics}, self._problem.spec)
        report = EpochReport(
            epoch=state.epoch,
            train_loss=figures["train_loss"],
            val_loss=figures.get("val_loss"),
            val_outputs=None if validation is None else validation.outputs,
            learning_rate=learning_rate,
            metrics=metrics,
        )
        return Progress(state.epoch, state.step, report)


def _steps(problem: Problem, state: TrainingState) -> Steps | ChunkedSteps | LbfgsSteps:
    """The fastest way of stepping that covers the problem."""
    if isinstance(problem.spec.optimizer, LbfgsSpec):
        return LbfgsSteps(problem, state)
    if problem.kernels.chunk is not None and covers(problem.network, problem.spec):
        return ChunkedSteps(problem, state)
    return Steps(problem, state)
