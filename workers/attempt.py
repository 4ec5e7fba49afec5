"""One attempt at a run: from the data, and perhaps a checkpoint, to one of the run's ends."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from service.usecases.claims import NewCheckpoint, NewEvent
from service.usecases.plans import plan_of
from workers.endings import outcome_of
from workers.engine.fingerprint import numerics_fingerprint
from workers.engine.training import TrainingState, train
from workers.modelling.codec import CodecError, state_from_bytes, weights_to_bytes
from workers.modelling.estimator import prepare
from workers.modelling.evaluation import epoch_metrics
from workers.pace import Pace
from workers.recorder import Recorder, checkpoint_of
from workers.tabular.parquet import read_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.clock import Clock
    from service.usecases.claims import Claim
    from service.usecases.leases import Leases
    from workers.endings import Interruption
    from workers.engine.training import EpochReport
    from workers.heartbeat import Heartbeat
    from workers.modelling.estimator import Prepared

_log = logging.getLogger(__name__)


class Attempt:
    """Holds a claimed run's training; `run` takes it to an end and writes that down."""

    def __init__(
        self,
        leases: Leases,
        claim: Claim,
        heartbeat: Heartbeat,
        *,
        is_draining: Callable[[], bool],
        checkpoint_s: float,
        clock: Clock,
    ) -> None:
        self._leases = leases
        self._claim = claim
        self._heartbeat = heartbeat
        self._is_draining = is_draining
        self._checkpoint_s = checkpoint_s
        self._clock = clock

    def run(self) -> None:
        """Train, then finish the run or give it back.

        Raises:
            LeaseLostError: the run is another's now; nothing more was written.
            TableError: the data cannot be trained on.
            MemoryError: the data or the network needs more than a run may take.
        """
        claim, training = self._claim, self._claim.spec.training
        data = self._heartbeat.insist(lambda: self._leases.dataset(claim))
        prepared = prepare(read_table(data), plan_of(claim.spec))
        state, events = self._starting_point(prepared)
        pace = Pace(claim, state, len(prepared.data.X), self._clock)
        recorder = Recorder(
            self._leases,
            claim,
            self._heartbeat,
            pace,
            checkpoint_s=self._checkpoint_s,
            clock=self._clock,
        )
        initial = None if claim.has_initial_weights else _initial_weights(prepared, state)
        recorder.begin(state, initial, events, numerics_fingerprint(training.precision))
        interruption = self._train(prepared, state, pace, recorder)
        self._end(prepared, state, recorder, interruption)

    def _starting_point(self, prepared: Prepared) -> tuple[TrainingState, tuple[NewEvent, ...]]:
        claim, spec = self._claim, self._claim.spec
        initial = TrainingState.initial(prepared.network, spec.training, spec.seed)
        if claim.checkpoint is None:
            return initial, _warnings(prepared) if claim.attempt == 1 else ()
        try:
            state = state_from_bytes(claim.checkpoint.state)
        except CodecError:
            # Nothing is lost but time: the same steps lead to the same bits.
            _log.exception("%s: unreadable checkpoint, starting over", claim.run_id)
            return initial, (_log_event("Checkpoint cannot be read: starting over.", "warning"),)
        return state, (_log_event(f"Going on after epoch {state.epoch}, step {state.step}."),)

    def _train(
        self, prepared: Prepared, state: TrainingState, pace: Pace, recorder: Recorder
    ) -> Interruption | None:
        spec = self._claim.spec
        for progress in train(prepared.network, state, prepared.data, spec.training, spec.seed):
            if progress.report is not None:
                recorder.note(progress.epoch, values_of(prepared, progress.report))
            interruption = self._interruption(state, pace)
            if interruption is not None:
                return interruption
            recorder.keep_up(state)
        return None

    def _interruption(self, state: TrainingState, pace: Pace) -> Interruption | None:
        orders = self._heartbeat.orders()
        if state.stop_reason is not None:
            return None
        if orders is not None and orders.requested == "cancel":
            return "cancel"
        if orders is not None and orders.overdue:
            return "deadline"
        if self._is_draining() or (orders is not None and orders.drain):
            return "drain"
        # A model needs one whole epoch, however small the budget.
        return "budget" if state.epoch > 0 and pace.is_budget_spent(state) else None

    def _end(
        self,
        prepared: Prepared,
        state: TrainingState,
        recorder: Recorder,
        interruption: Interruption | None,
    ) -> None:
        claim = self._claim
        if interruption == "drain":
            last = recorder.part(state, checkpoint=checkpoint_of(state))
            self._heartbeat.insist(lambda: self._leases.release(claim.run_id, claim.fence, last))
            _log.info("%s: given back after epoch %d", claim.run_id, state.epoch)
            return
        outcome = outcome_of(claim.spec, prepared, state, recorder, interruption)
        self._heartbeat.insist(lambda: self._leases.finish(claim.run_id, claim.fence, outcome))
        _log.info("%s: %s (%s)", claim.run_id, outcome.status, outcome.stop_reason)


def values_of(prepared: Prepared, report: EpochReport) -> dict[str, float]:
    """Return an epoch's metrics by name."""
    losses = {"train_loss": report.train_loss}
    if report.val_loss is not None:
        losses["val_loss"] = report.val_loss
    return losses | epoch_metrics(prepared, report)


def _initial_weights(prepared: Prepared, state: TrainingState) -> NewCheckpoint:
    weights = weights_to_bytes(prepared.network, state.parameters)
    return NewCheckpoint(kind="initial", epoch=0, step=0, weights=weights)


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


def _log_event(message: str, level: Literal["info", "warning"] = "info") -> NewEvent:
    return NewEvent("log", message, level=level)
