"""Training as a generator: the caller decides between the yields whether and how it goes on."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from workers.engine.kernels.plain import PLAIN
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
class TrainingData:
    """The rows that train and those that judge, in the precision of the run.

    X (N, I), C-contiguous; y (N, O) numbers for MSE and binary cross-entropy (0 or 1), (N,)
    integer labels for softmax cross-entropy. Either both validation arrays are there or none.
    """

    X: Array
    y: NDArray[Any]
    X_validation: Array | None = None
    y_validation: NDArray[Any] | None = None


@dataclass(frozen=True)
class EpochReport:
    """What an epoch came to: train_loss is the mean over its rows, each as it was trained.

    val_outputs (N, K) are the network's answers on the validation rows after the epoch.
    """

    epoch: int
    train_loss: float
    val_loss: float | None
    val_outputs: Array | None
    learning_rate: float


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
    training = _Training(network, state, data, spec, kernels)
    while state.stop_reason is None:
        yield from training.epoch(seed, clock)


class _Training:
    """One epoch after another on one state."""

    def __init__(
        self,
        network: Network,
        state: TrainingState,
        data: TrainingData,
        spec: TrainingSpec,
        kernels: Kernels,
    ) -> None:
        self._network = network
        self._state = state
        self._spec = spec
        self._steps = Steps(network, state, (data.X, data.y), spec, kernels)
        self._validation: Validation | None = None
        if data.X_validation is not None:
            rows = (data.X_validation, data.y_validation)
            self._validation = Validation(network, state.parameters, rows, spec.loss, kernels)
        elif spec.early_stopping is not None and spec.early_stopping.monitor == "val_loss":
            raise ValueError("early stopping on val_loss needs validation rows")

    def epoch(self, seed: int, clock: Callable[[], float]) -> Iterator[Progress]:
        """The rest of the epoch at work, with its report as the last yield."""
        state, steps = self._state, self._steps
        steps.enter_epoch(seed)
        while steps.remain():
            steps.advance(clock, clock() + CHUNK_S)
            if steps.remain():
                yield Progress(state.epoch + 1, state.step, None)
        self._check_parameters()
        if self._validation is not None and state.stop_reason is None:
            for _ in self._validation.run():
                yield Progress(state.epoch + 1, state.step, None)
            if not math.isfinite(self._validation.loss):
                state.diverge("val_loss")
        if state.stop_reason is None:
            yield self._close()

    def _check_parameters(self) -> None:
        state = self._state
        if state.stop_reason is not None:
            return
        for vector in (state.parameters, *state.slots.values()):
            tensor = self._network.layout.first_non_finite(vector)
            if tensor is not None:
                state.diverge(tensor)
                return

    def _close(self) -> Progress:
        state, validation = self._state, self._validation
        train_loss = state.loss_sum / self._steps.n_rows
        val_loss = None if validation is None else validation.loss
        state.close_epoch(train_loss, val_loss, self._spec)
        report = EpochReport(
            epoch=state.epoch,
            train_loss=train_loss,
            val_loss=val_loss,
            val_outputs=None if validation is None else validation.outputs,
            learning_rate=self._spec.optimizer.learning_rate,
        )
        return Progress(state.epoch, state.step, report)
