"""How fast an attempt trains, and how long it will take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.modelling.training_choice import steps_per_epoch

if TYPE_CHECKING:
    from service.clock import Clock
    from service.usecases.claims import Claim
    from workers.fit import Fit


class Pace:
    """Measures from where the attempt began; times are of training alone."""

    def __init__(self, claim: Claim, fit: Fit, clock: Clock) -> None:
        spec = claim.spec
        self._budget = spec.budget
        self._epochs = min(spec.training.epochs, spec.budget.epochs or spec.training.epochs)
        self._n_rows = fit.n_rows
        self._steps_per_epoch = steps_per_epoch(spec.training, fit.n_rows)
        self._earlier_s = claim.trained_seconds
        self._clock = clock
        self._started_s = clock.monotonic_s()
        self._started_at = self._epochs_done(fit)
        self._folds = spec.split.folds or 0
        self._samples_per_second: float | None = None
        self.folds_done: float | None = None
        """How many folds are behind the run; None as long as its own training goes on."""

    @property
    def trained_seconds(self) -> float:
        """Training time of all attempts."""
        return self._earlier_s + self._clock.monotonic_s() - self._started_s

    def begin_folds(self, fit: Fit, done: int) -> None:
        """Note that the run's own training has ended, and so many folds are behind it."""
        self._samples_per_second = self.samples_per_second(fit)
        self.folds_done = float(done)

    def samples_per_second(self, fit: Fit) -> float | None:
        """Rows trained per second in this attempt, by the run's own training; None before it."""
        if self.folds_done is not None:
            return self._samples_per_second
        per_second = self._epochs_per_second(fit)
        return None if per_second is None else per_second * self._n_rows

    def eta_seconds(self, fit: Fit) -> float | None:
        """Seconds until all epochs are done or the budget is used up, and all folds are trained.

        None before the first epoch.
        """
        if self.folds_done is not None:
            return self._folds_left_s(self.folds_done)
        per_second = self._epochs_per_second(fit)
        if per_second is None:
            return None
        left_s = max(0.0, self._epochs - self._epochs_done(fit)) / per_second
        if self._budget.seconds is not None:
            left_s = min(left_s, max(0.0, self._budget.seconds - self.trained_seconds))
        # A training without one of k folds takes 1/k less.
        whole_s = self.trained_seconds + left_s
        return left_s + whole_s * max(0, self._folds - 1)

    def is_budget_spent(self, fit: Fit) -> bool:
        """Tell whether the run has used what it was given."""
        by_epochs = self._budget.epochs is not None and fit.epoch >= self._budget.epochs
        by_time = self._budget.seconds is not None and self.trained_seconds >= self._budget.seconds
        return by_epochs or by_time

    def _folds_left_s(self, done: float) -> float:
        of_a_training = 1.0 - 1.0 / self._folds
        whole_s = self.trained_seconds / (1.0 + done * of_a_training)
        return whole_s * of_a_training * (self._folds - done)

    def _epochs_per_second(self, fit: Fit) -> float | None:
        done = self._epochs_done(fit) - self._started_at
        elapsed_s = self._clock.monotonic_s() - self._started_s
        return done / elapsed_s if done > 0.0 and elapsed_s > 0.0 else None

    def _epochs_done(self, fit: Fit) -> float:
        return fit.epoch + fit.step_in_epoch / self._steps_per_epoch
