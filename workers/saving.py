"""When an attempt saves its state, and as what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.usecases.claims import NewCheckpoint
from workers.engine.tensors import Array

if TYPE_CHECKING:
    from service.clock import Clock
    from workers.fit import Fit


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
        fit: Fit,
        *,
        interval_s: float,
        every_epochs: int | None,
        clock: Clock,
    ) -> None:
        """Begin where `fit` stands; what it holds of earlier epochs was saved with it."""
        self.folds: list[dict[str, Any]] = []
        """What was found in the folds that are behind the run."""
        self._interval_s = interval_s
        self._every_epochs = every_epochs
        self._clock = clock
        self._due_s = clock.monotonic_s() + interval_s
        self._epoch = fit.epoch
        self._best: _Best | None = None
        self._best_epoch = fit.best_epoch

    def look(self, fit: Fit) -> None:
        """Keep the weights of an epoch that has just ended and is the best so far."""
        is_end = fit.step_in_epoch == 0
        if is_end and fit.is_best_epoch and fit.epoch != self._best_epoch:
            copy = None if fit.restores_best else fit.epoch_parameters().copy()
            self._best = _Best(fit.epoch, fit.step, copy)
            self._best_epoch = fit.epoch

    def is_due(self, fit: Fit) -> bool:
        """Tell whether the state as it is ought to be saved; the last one is, as the final one."""
        if fit.stop_reason is not None:
            return False
        return self._clock.monotonic_s() >= self._due_s or self.is_wished(fit)

    def saved(self, fit: Fit, *, pause_s: float) -> None:
        """Note that it was; the next by the clock is not due before `pause_s` have passed."""
        self._due_s = self._clock.monotonic_s() + max(self._interval_s, pause_s)
        self._epoch = fit.epoch

    def checkpoint(self, fit: Fit) -> NewCheckpoint:
        """Return the state as it is, to go on from bit by bit."""
        return NewCheckpoint(
            kind="periodic",
            epoch=fit.epoch,
            step=fit.step,
            state=fit.state(self.folds),
            is_best=fit.step_in_epoch == 0 and fit.is_best_epoch,
        )

    def best_weights(self, fit: Fit, beside: NewCheckpoint | None) -> NewCheckpoint | None:
        """Return, and forget, the best epoch's weights, to be saved beside a checkpoint of another.

        None where `beside` is its own or none, or where they were saved already.
        """
        if beside is None:
            return None
        best, self._best = self._best, None
        if best is None or beside.is_best:
            return None
        parameters = fit.final_parameters() if best.parameters is None else best.parameters
        return NewCheckpoint(
            kind="best",
            epoch=best.epoch,
            step=best.step,
            weights=fit.weights(parameters),
            is_best=True,
        )

    def is_wished(self, fit: Fit) -> bool:
        """Tell whether an epoch has just ended after which the run's owner wants a checkpoint."""
        return (
            self._every_epochs is not None
            and fit.stop_reason is None
            and fit.step_in_epoch == 0
            and fit.epoch > self._epoch
            and fit.epoch % self._every_epochs == 0
        )
