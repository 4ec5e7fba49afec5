"""One attempt at a run: from the data, and perhaps a checkpoint, to one of the run's ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.clock import Clock
from service.usecases.claims import Claim, NewCheckpoint, NewEvent
from service.usecases.leases import Leases
from service.usecases.plans import plan_of
from workers.beginnings import beginning_of
from workers.endings import outcome_of
from workers.engine.fingerprint import numerics_fingerprint
from workers.engine.kernels.contract import Kernels
from workers.fit import Fit
from workers.fold_trainings import FoldTrainings
from workers.heartbeat import Heartbeat
from workers.modelling.estimator import prepare
from workers.modelling.folds import Folds
from workers.modelling.scratch import Scratch
from workers.pace import Pace
from workers.recorder import Recorder
from workers.saving import Saving
from workers.tabular.parquet import release_memory

if TYPE_CHECKING:
    import pyarrow as pa

    from service.usecases.claims import Orders
    from workers.endings import Interruption
    from workers.modelling.estimator import Prepared

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """Holds a claimed run's training; `run` takes it to an end and writes that down."""

    leases: Leases
    claim: Claim
    heartbeat: Heartbeat
    is_draining: Callable[[], bool]
    checkpoint_s: float
    clock: Clock
    scratch: Scratch
    kernels: Kernels

    def run(self) -> None:
        """Train, then finish the run or give it back.

        Raises:
            LeaseLostError: the run is another's now; nothing more was written.
            TableError: the data cannot be trained on.
            BeginningError: what the run was to go on from cannot be used.
            MemoryError: the data or the network needs more than a run may take.
        """
        claim, training = self.claim, self.claim.spec.training
        prepared = self._prepare()
        release_memory()
        beginning = beginning_of(claim, prepared)
        fit = Fit(prepared, training, claim.spec.seed, beginning.states)
        events = beginning.events + (_warnings(prepared) if claim.attempt == 1 else ())
        pace = Pace(claim, fit, self.clock)
        saving = Saving(
            fit,
            interval_s=self.checkpoint_s,
            every_epochs=training.checkpoint_every,
            clock=self.clock,
        )
        saving.folds.extend(beginning.folds)
        recorder = Recorder(self.leases, claim, self.heartbeat, pace, saving, self.clock)
        initial = None if claim.has_initial_weights else _initial(fit)
        numerics = numerics_fingerprint(training.precision, self.kernels)
        recorder.begin(fit, initial, events, numerics)
        interruption = self._train(fit, pace, recorder)
        folds = self._folds(pace, recorder)
        if folds is not None and _has_model(fit, interruption):
            interruption = folds.run(fit) or interruption
        self._end(prepared, fit, recorder, interruption, folds)

    def _prepare(self) -> Prepared:
        """The arrays alone: neither the stored bytes nor the table stay in memory."""
        return prepare(self._table(), plan_of(self.claim.spec), self.scratch)

    def _table(self) -> pa.Table:
        claim = self.claim
        return self.scratch.table(
            lambda file: self.heartbeat.insist(lambda: self.leases.copy_dataset(claim, file))
        )

    def _folds(self, pace: Pace, recorder: Recorder) -> FoldTrainings | None:
        count = self.claim.spec.split.folds
        if count is None:
            return None
        return FoldTrainings(
            count=count,
            open_folds=lambda: Folds(self._table(), plan_of(self.claim.spec), self.scratch),
            look=self._look,
            recorder=recorder,
            pace=pace,
            kernels=self.kernels,
        )

    def _look(self) -> Interruption | None:
        """What ends the attempt once the run has its model."""
        orders = self.heartbeat.orders()
        ordered = None if orders is None else _ordered(orders, may_stop=True)
        return "drain" if ordered is None and self.is_draining() else ordered

    def _train(self, fit: Fit, pace: Pace, recorder: Recorder) -> Interruption | None:
        interruption = self._interruption(fit, pace)
        if interruption is not None:
            return interruption
        for epoch in fit.epochs(self.kernels):
            if epoch is not None:
                recorder.note(epoch)
            interruption = self._interruption(fit, pace)
            if interruption is not None:
                return interruption
            recorder.keep_up(fit)
        return None

    def _interruption(self, fit: Fit, pace: Pace) -> Interruption | None:
        orders = self.heartbeat.orders()
        if fit.stop_reason is not None:
            return None
        has_epoch = fit.epoch > 0 and fit.step_in_epoch == 0
        ordered = None if orders is None else _ordered(orders, may_stop=has_epoch)
        if ordered is not None:
            return ordered
        if self.is_draining():
            return "drain"
        # A model needs one whole epoch, however small the budget.
        return "budget" if fit.epoch > 0 and pace.is_budget_spent(fit) else None

    def _end(
        self,
        prepared: Prepared,
        fit: Fit,
        recorder: Recorder,
        interruption: Interruption | None,
        folds: FoldTrainings | None,
    ) -> None:
        claim = self.claim
        if interruption in ("drain", "pause"):
            last = recorder.saved_part(fit)
            give_back = self.leases.release if interruption == "drain" else self.leases.pause
            self.heartbeat.insist(lambda: give_back(claim.run_id, claim.fence, last))
            _log.info("%s: given back after epoch %d", claim.run_id, fit.epoch)
            return
        found = None if folds is None else folds.summary()
        outcome = outcome_of(claim.spec, prepared, fit, recorder, interruption, found)
        self.heartbeat.insist(lambda: self.leases.finish(claim.run_id, claim.fence, outcome))
        _log.info("%s: %s (%s)", claim.run_id, outcome.status, outcome.stop_reason)


def _has_model(fit: Fit, interruption: Interruption | None) -> bool:
    """Whether the training has come to an end that leaves a model, and time for its folds."""
    return fit.divergence is None and (
        interruption == "budget" or (interruption is None and fit.stop_reason is not None)
    )


def _ordered(orders: Orders, *, may_stop: bool) -> Interruption | None:
    if orders.requested == "cancel":
        return "cancel"
    if orders.overdue:
        return "deadline"
    if orders.requested == "stop" and may_stop:
        return "stop"
    if orders.requested == "pause":
        return "pause"
    return "drain" if orders.drain else None


def _initial(fit: Fit) -> NewCheckpoint:
    """What the run began with; the seed gives its state, unless a training is continued."""
    return NewCheckpoint(
        kind="initial",
        epoch=fit.epoch,
        step=fit.step,
        state=fit.state() if fit.epoch > 0 else None,
        weights=fit.begun_with(),
    )


def _warnings(prepared: Prepared) -> tuple[NewEvent, ...]:
    return tuple(
        NewEvent(
            "data.warning",
            warning.detail,
            level="warning",
            data={"code": warning.code, "column": warning.column},
        )
        for warning in prepared.warnings
    )
