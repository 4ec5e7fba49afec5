"""The folds of a run, trained when its own training has ended: side by side where that saves time.

Folds of a small table are networks of one shape, give or take a row or a level; as one stack the
smallest take a seventh less time, and each has the bits that it has alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.usecases.claims import NewEvent
from workers.endings import Interruption
from workers.engine.kernels.contract import Kernels
from workers.engine.stacked import difference
from workers.fit import Fit, initial_states, train_together
from workers.modelling.folds import Folds, FoldTraining, failed, summary
from workers.pace import Pace
from workers.recorder import Recorder
from workers.tabular.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TOGETHER_BYTES = 2 << 20
"""Folds train together that take no more than a usual level-2 cache: beyond it there is nothing to
be gained."""

_NO_MEMORY = "There was no memory for it."
_STOPPED = "The run was stopped before the folds that are missing."


@dataclass(frozen=True)
class _Fold:
    """A fold at work."""

    it: FoldTraining
    fit: Fit
    most: int
    """The epochs that it may have."""

    @property
    def has_ended(self) -> bool:
        fit = self.fit
        return fit.stop_reason is not None or fit.divergence is not None or fit.epoch >= self.most

    def found(self) -> dict[str, Any]:
        fit = self.fit
        if fit.divergence is not None:
            return failed(self.it.fold, f"Training diverged in epoch {fit.divergence.epoch}.")
        parameters = fit.final_parameters()
        return self.it.figures(parameters, epochs=fit.epoch, best_epoch=fit.best_epoch or None)


@dataclass(kw_only=True)
class FoldTrainings:
    """Trains and judges each fold; what is known of those before is kept in the run's checkpoint.

    A fold is a function of table, plan and seed: one that was interrupted is repeated from its
    beginning, with the same bits, whatever others are at its side.
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
        behind = self._behind()
        missing = [fold for fold in range(1, self.count + 1) if fold not in behind]
        # A fold takes about what the run itself took.
        at_once = max(1, _TOGETHER_BYTES // ended.n_bytes)
        for start in range(0, len(missing), at_once):
            interruption = self._some(folds, missing[start : start + at_once], ended)
            if interruption == "stop":
                self._reason = _STOPPED
                return None
            if interruption is not None:
                return interruption
        return None

    def summary(self) -> Mapping[str, Any]:
        """Return `cross_validation` of the report."""
        folds = sorted(self.recorder.saving.folds, key=lambda found: found["fold"])
        reason = self._reason or (None if len(folds) == self.count else _STOPPED)
        return summary(folds, reason)

    def _some(self, folds: Folds, numbers: Sequence[int], ended: Fit) -> Interruption | None:
        """Prepare these folds, and train together those that can be stacked."""
        begun = []
        for fold in numbers:
            try:
                begun.append(_begun(folds.training(fold), ended))
            except (TableError, MemoryError) as error:
                self._keep(failed(fold, _told(error)), ended)
        for group in _stackable(begun, self.kernels):
            interruption = self._trained(group, ended)
            if interruption is not None:
                return interruption
        return None

    def _trained(self, group: Sequence[_Fold], ended: Fit) -> Interruption | None:
        try:
            return self._train(group, ended)
        except MemoryError as error:
            if len(group) == 1:
                self._keep(failed(group[0].it.fold, _told(error)), ended)
                return None
        interruption: Interruption | None = None
        for fold in group:
            if interruption is None and fold.it.fold not in self._behind():
                interruption = self._trained([_begun(fold.it, ended)], ended)
        return interruption

    def _train(self, group: Sequence[_Fold], ended: Fit) -> Interruption | None:
        at_work = list(group)
        for _ in train_together([fold.fit for fold in group], self.kernels):
            for fold in [fold for fold in at_work if fold.has_ended]:
                at_work.remove(fold)
                self._keep(fold.found(), ended)
            interruption = self.look()
            if interruption is not None:
                return interruption
            parts = sum(fold.fit.epoch / fold.most for fold in at_work)
            self.pace.folds_done = len(self.recorder.saving.folds) + parts
            self.recorder.keep_up(ended)
            if not at_work:
                break
        return None

    def _behind(self) -> set[int]:
        return {found["fold"] for found in self.recorder.saving.folds}

    def _keep(self, found: dict[str, Any], ended: Fit) -> None:
        folds = self.recorder.saving.folds
        folds.append(found)
        self.pace.folds_done = float(len(folds))
        self.recorder.save(ended, (_event(found, self.count),))


def _begun(it: FoldTraining, ended: Fit) -> _Fold:
    training, seed = it.prepared.plan.training, it.prepared.plan.seed
    # Where a budget ended the run's own training, the folds have as many epochs as it had.
    most = ended.epoch if ended.stop_reason is None else training.epochs
    fit = Fit(it.prepared, training, seed, initial_states(it.prepared, training, seed))
    return _Fold(it, fit, most)


def _stackable(folds: Sequence[_Fold], kernels: Kernels) -> list[list[_Fold]]:
    """The folds in groups of those that can be members of one stack."""
    groups: list[list[_Fold]] = []
    for fold in folds:
        [problem, *_] = fold.fit.problems(kernels)
        for group in groups:
            if difference(group[0].fit.problems(kernels)[0], problem) is None:
                group.append(fold)
                break
        else:
            groups.append([fold])
    return groups


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
