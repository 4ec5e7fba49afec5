"""When an attempt saves its state, and as what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.usecases.claims import NewCheckpoint
from workers.modelling.codec import state_to_bytes

if TYPE_CHECKING:
    from service.clock import Clock
    from workers.engine.tensors import Layout
    from workers.engine.training import TrainingState


class Saving:
    """Checkpoints by the clock, wherever training stands then, and after every so many epochs.

    By the clock also in the middle of an epoch: one that takes longer than the interval would
    otherwise be begun again and again on a machine that often fails.
    """

    def __init__(
        self,
        layout: Layout,
        state: TrainingState,
        *,
        interval_s: float,
        every_epochs: int | None,
        clock: Clock,
    ) -> None:
        """Begin at `state`; `layout` names the tensors in it."""
        self._layout = layout
        self._interval_s = interval_s
        self._every_epochs = every_epochs
        self._clock = clock
        self._due_s = clock.monotonic_s() + interval_s
        self._epoch = state.epoch

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
            state=self.state_bytes(state),
            is_best=state.best_epoch == state.epoch and state.step_in_epoch == 0,
        )

    def state_bytes(self, state: TrainingState) -> bytes:
        """Return the state alone, for a checkpoint of another kind."""
        return state_to_bytes(state, self._layout)

    def is_wished(self, state: TrainingState) -> bool:
        """Tell whether an epoch has just ended after which the run's owner wants a checkpoint."""
        return (
            self._every_epochs is not None
            and state.stop_reason is None
            and state.step_in_epoch == 0
            and state.epoch > self._epoch
            and state.epoch % self._every_epochs == 0
        )
