"""When an attempt saves its state, and as what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.usecases.claims import NewCheckpoint
from workers.engine.tensors import Array
from workers.modelling.codec import state_to_bytes, weights_to_bytes

if TYPE_CHECKING:
    from service.clock import Clock
    from workers.engine.network import Network
    from workers.engine.training import TrainingState


@dataclass(frozen=True)
class _Best:
    """The best epoch so far; its parameters, where the training itself does not keep them."""

    epoch: int
    step: int
    parameters: Array | None


class Saving:
    """Checkpoints by the clock, wherever training stands then, and after every so many epochs.

    By the clock also in the middle of an epoch: one that takes longer than the interval would
    otherwise be begun again and again on a machine that often fails. The weights of the best epoch
    go along, for that epoch seldom ends when a checkpoint is due.
    """

    def __init__(
        self,
        network: Network,
        state: TrainingState,
        *,
        interval_s: float,
        every_epochs: int | None,
        clock: Clock,
    ) -> None:
        """Begin at `state`; what it holds of earlier epochs was saved with it."""
        self.folds: list[dict[str, Any]] = []
        """What was found in the folds that are behind the run."""
        self._network = network
        self._interval_s = interval_s
        self._every_epochs = every_epochs
        self._clock = clock
        self._due_s = clock.monotonic_s() + interval_s
        self._epoch = state.epoch
        self._best: _Best | None = None
        self._best_epoch = state.best_epoch

    def look(self, state: TrainingState) -> None:
        """Keep the weights of an epoch that has just ended and is the best so far."""
        is_end = state.step_in_epoch == 0
        if is_end and is_best_epoch(state) and state.epoch != self._best_epoch:
            keeps = state.best_parameters is not None
            copy = None if keeps else state.to_host(state.epoch_parameters).copy()
            self._best = _Best(state.epoch, state.step, copy)
            self._best_epoch = state.epoch

    def is_due(self, state: TrainingState) -> bool:
        """Tell whether the state as it is ought to be saved; the last one is, as the final one."""
        if state.stop_reason is not None:
            return False
        return self._clock.monotonic_s() >= self._due_s or self.is_wished(state)

    def saved(self, state: TrainingState, *, pause_s: float) -> None:
        """Note that it was; the next by the clock is not due before `pause_s` have passed."""
        self._due_s = self._clock.monotonic_s() + max(self._interval_s, pause_s)
        self._epoch = state.epoch

    def checkpoint(self, state: TrainingState) -> NewCheckpoint:
        """Return the state as it is, to go on from bit by bit."""
        return NewCheckpoint(
            kind="periodic",
            epoch=state.epoch,
            step=state.step,
            state=state_to_bytes(state, self._network.layout, self.folds),
            is_best=state.step_in_epoch == 0 and is_best_epoch(state),
        )

    def best_weights(
        self, state: TrainingState, beside: NewCheckpoint | None
    ) -> NewCheckpoint | None:
        """Return, and forget, the best epoch's weights, to be saved beside a checkpoint of another.

        None where `beside` is its own or none, or where they were saved already.
        """
        if beside is None:
            return None
        best, self._best = self._best, None
        if best is None or beside.is_best:
            return None
        parameters = best.parameters
        if parameters is None:
            parameters = state.to_host(state.best_parameters)
        weights = weights_to_bytes(self._network, parameters)
        return NewCheckpoint(
            kind="best", epoch=best.epoch, step=best.step, weights=weights, is_best=True
        )

    def state_bytes(self, state: TrainingState) -> bytes:
        """Return the state alone, for a checkpoint of another kind."""
        return state_to_bytes(state, self._network.layout)

    def is_wished(self, state: TrainingState) -> bool:
        """Tell whether an epoch has just ended after which the run's owner wants a checkpoint."""
        return (
            self._every_epochs is not None
            and state.stop_reason is None
            and state.step_in_epoch == 0
            and state.epoch > self._epoch
            and state.epoch % self._every_epochs == 0
        )


def is_best_epoch(state: TrainingState) -> bool:
    """Tell whether the last whole epoch is the best so far."""
    return state.best_value is not None and state.best_epoch == state.epoch
