"""What an attempt writes into the ledger, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.usecases.claims import BestEpoch, ProgressPart
from workers.engine import judging

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from service.clock import Clock
    from service.usecases.claims import Claim, EpochMetrics, NewCheckpoint, NewEvent
    from service.usecases.leases import Leases
    from workers.fit import Fit
    from workers.heartbeat import Heartbeat
    from workers.pace import Pace
    from workers.saving import Saving

_FLUSH_S = 0.5
_FLUSH_WITHOUT_NEWS_S = 2.0
# Of the time, what writing metrics may take, and writing checkpoints: together with all else that
# surrounds the engine no more than a twentieth.
_WRITING_SHARE = 0.02


class Recorder:
    """Gathers epochs and writes them together; now and then a checkpoint joins such a write.

    Every write is fenced and changes nothing when repeated, so a write whose answer was lost is
    simply made again.
    """

    def __init__(
        self,
        leases: Leases,
        claim: Claim,
        heartbeat: Heartbeat,
        pace: Pace,
        saving: Saving,
        clock: Clock,
    ) -> None:
        self._leases = leases
        self._claim = claim
        self._heartbeat = heartbeat
        self._pace = pace
        self.saving = saving
        self._clock = clock
        self._epochs: list[EpochMetrics] = []
        self._monitor: str | None = None
        # The first epoch is written at once: somebody is waiting to see the run move.
        self._flush_due_s = clock.monotonic_s()

    def begin(
        self,
        fit: Fit,
        initial: NewCheckpoint | None,
        events: tuple[NewEvent, ...],
        numerics: Mapping[str, Any],
    ) -> None:
        """Write what an attempt starts from."""
        part = self.part(fit, checkpoint=initial, events=events, numerics=numerics)
        self._write(part)

    def note(self, epoch: EpochMetrics) -> None:
        """Take a finished epoch's metrics; they are written with the next write."""
        self._epochs.append(epoch)
        training = self._claim.spec.training
        self._monitor, _ = judging.monitor(training, validates="val_loss" in epoch.values)

    def keep_up(self, fit: Fit) -> None:
        """Write what is due."""
        self.saving.look(fit)
        now_s = self._clock.monotonic_s()
        is_checkpoint_due = self.saving.is_due(fit)
        has_news = is_checkpoint_due or bool(self._epochs)
        due_s = self._flush_due_s + (0.0 if has_news else _FLUSH_WITHOUT_NEWS_S)
        if now_s < due_s and not self.saving.is_wished(fit):
            return
        checkpoint = self.saving.checkpoint(fit) if is_checkpoint_due else None
        self._write(self.part(fit, checkpoint=checkpoint))
        written_s = self._clock.monotonic_s()
        # On a slow disk it happens less often. After a checkpoint, only checkpoints do: those who
        # watch the curve need not wait for what a large state took.
        pause_s = (written_s - now_s) / _WRITING_SHARE
        if is_checkpoint_due:
            self.saving.saved(fit, pause_s=pause_s)
            pause_s = _FLUSH_S
        self._flush_due_s = written_s + max(_FLUSH_S, pause_s)

    def save(self, fit: Fit, events: tuple[NewEvent, ...] = ()) -> None:
        """Write everything at once, with the state as it is."""
        checkpoint = self.saving.checkpoint(fit)
        self._write(self.part(fit, checkpoint=checkpoint, events=events))
        self.saving.saved(fit, pause_s=0.0)

    def saved_part(self, fit: Fit) -> ProgressPart:
        """Return, and forget, everything that was not written yet, and the state as it is."""
        return self.part(fit, checkpoint=self.saving.checkpoint(fit))

    def part(
        self,
        fit: Fit,
        *,
        checkpoint: NewCheckpoint | None = None,
        events: tuple[NewEvent, ...] = (),
        numerics: Mapping[str, Any] | None = None,
    ) -> ProgressPart:
        """Return, and forget, everything that was not written yet."""
        epochs, self._epochs = tuple(self._epochs), []
        return ProgressPart(
            epoch=fit.epoch,
            step=fit.step,
            trained_seconds=self._pace.trained_seconds,
            folds_done=None if self._pace.folds_done is None else len(self.saving.folds),
            samples_per_second=self._pace.samples_per_second(fit),
            eta_seconds=self._pace.eta_seconds(fit),
            epochs=epochs,
            best=self._best(fit),
            checkpoint=checkpoint,
            best_weights=self.saving.best_weights(fit, checkpoint),
            events=events,
            numerics=numerics,
        )

    def _write(self, part: ProgressPart) -> None:
        claim = self._claim
        self._heartbeat.heed(
            self._heartbeat.insist(lambda: self._leases.record(claim.run_id, claim.fence, part))
        )

    def _best(self, fit: Fit) -> BestEpoch | None:
        if fit.best_value is None or self._monitor is None:
            return None
        return BestEpoch(fit.best_epoch, self._monitor, fit.best_value)
