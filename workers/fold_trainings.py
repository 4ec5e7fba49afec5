"""The folds of a run, trained one after the other when its own training has ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.usecases.claims import NewEvent
from workers.endings import Interruption
from workers.engine.kernels.contract import Kernels
from workers.fit import Fit, initial_states
from workers.modelling.folds import Folds, FoldTraining, failed, summary
from workers.pace import Pace
from workers.recorder import Recorder
from workers.tabular.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_MEMORY = "There was no memory for it."
_STOPPED = "The run was stopped before the folds that are missing."


@dataclass(kw_only=True)
class FoldTrainings:
    """Trains and judges each fold; what is known of those before is kept in the run's checkpoint.

    A fold is a function of table, plan and seed: one that was interrupted is repeated from its
    beginning, with the same bits.
    """

    count: int
    open_folds: Callable[[], Folds]
    """Reads the table. TableError, MemoryError."""
    look: Callable[[], Interruption | None]
    """To be asked after every step: what ends this attempt, if anything."""
    recorder: Recorder
    pace: Pace
    kernels: Kernels
    _reason: str | None = field(default=None, init=False)

    def run(self, ended: Fit) -> Interruption | None:
        """Train what is missing, or say what interrupts it; `ended` is the run's own training."""
        saving = self.recorder.saving
        self.pace.begin_folds(ended, len(saving.folds))
        if len(saving.folds) == self.count:
            return None
        self.recorder.save(ended)
        try:
            folds = self.open_folds()
        except (TableError, MemoryError) as error:
            self._reason = _told(error)
            return None
        while len(saving.folds) < self.count:
            found = self._fold(folds, len(saving.folds) + 1, ended)
            if found == "stop":
                self._reason = _STOPPED
                return None
            if isinstance(found, str):
                return found
            saving.folds.append(found)
            self.pace.folds_done = float(len(saving.folds))
            self.recorder.save(ended, (_event(found, self.count),))
        return None

    def summary(self) -> Mapping[str, Any]:
        """Return `cross_validation` of the report."""
        folds = self.recorder.saving.folds
        reason = self._reason or (None if len(folds) == self.count else _STOPPED)
        return summary(folds, reason)

    def _fold(self, folds: Folds, fold: int, ended: Fit) -> Interruption | dict[str, Any]:
        try:
            return self._trained(folds.training(fold), ended)
        except (TableError, MemoryError) as error:
            return failed(fold, _told(error))

    def _trained(self, it: FoldTraining, ended: Fit) -> Interruption | dict[str, Any]:
        prepared, plan = it.prepared, it.prepared.plan
        # Where a budget ended the run's own training, the folds have as many epochs as it had.
        is_cut = ended.stop_reason is None
        most = ended.epoch if is_cut else plan.training.epochs
        states = initial_states(prepared, plan.training, plan.seed)
        fit = Fit(prepared, plan.training, plan.seed, states)
        for _ in fit.epochs(self.kernels):
            interruption = self.look()
            if interruption is not None:
                return interruption
            self.pace.folds_done = it.fold - 1 + min(1.0, fit.epoch / most)
            self.recorder.keep_up(ended)
            if is_cut and fit.epoch >= most:
                break
        if fit.divergence is not None:
            return failed(it.fold, f"Training diverged in epoch {fit.divergence.epoch}.")
        parameters = fit.final_parameters()
        return it.figures(parameters, epochs=fit.epoch, best_epoch=fit.best_epoch or None)


def _told(error: TableError | MemoryError) -> str:
    return error.detail if isinstance(error, TableError) else _NO_MEMORY


def _event(found: Mapping[str, Any], count: int) -> NewEvent:
    said = ", ".join(
        f"{name} {value:.4g}"
        for name, value in found.get("figures", {}).items()
        if value is not None
    )
    message = f"Fold {found['fold']} of {count}: {found.get('reason') or said}"
    return NewEvent("log", message, data={"code": "fold", "fold": found["fold"], "folds": count})
