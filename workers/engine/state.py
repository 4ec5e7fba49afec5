"""The state of a training: everything needed to go on bit-identically, also in mid-epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine import judging, optimizers
from workers.engine.backend import dtype_of
from workers.engine.spec import ReduceOnPlateauSchedule
from workers.engine.tensors import Array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.engine.kernels.contract import Kernels
    from workers.engine.network import Network
    from workers.engine.spec import Direction, TrainingSpec

Scalar = int | float | str | None

_VECTORS = ("parameters", "epoch_parameters", "best_parameters", "average")
_SLOT = "slots."


@dataclass(frozen=True)
class Divergence:
    """Where a training left the finite numbers.

    `tensor` is a parameter tensor's name, `<layer>.output`, or "loss" or "val_loss" where all of
    these are still finite; norm is the Euclidean norm of its finite part, for a loss of the scores.
    `step` counts from the beginning of the run.
    """

    epoch: int
    step: int
    tensor: str
    norm: float


@dataclass
class TrainingState:
    """Data, changed in place by `train`; a copy taken at a yield is a checkpoint.

    epoch counts the epochs completed, step the updates done, step_in_epoch those of the epoch
    at work; loss_sum is the loss times the weight of its rows, summed over them. `average` is the
    moving average of the parameters where the specification asks for one: epochs are then judged
    by it. epoch_parameters are those by which the last epoch was judged, at first the initial ones:
    the last that are known to be finite. judged_by names the figure that best_value is of, and
    which way it is better.

    While `train` runs with kernels of another device the vectors lie there; `arrays` and
    `final_parameters` give host arrays all the same.
    """

    parameters: Array
    epoch_parameters: Array
    slots: dict[str, Array]
    best_parameters: Array | None = None
    average: Array | None = None
    epoch: int = 0
    step: int = 0
    step_in_epoch: int = 0
    loss_sum: float = 0.0
    best_epoch: int = 0
    best_value: float | None = None
    bad_epochs: int = 0
    judged_by: str | None = None
    plateau_factor: float = 1.0
    plateau_best: float | None = None
    plateau_epochs: int = 0
    stop_reason: str | None = None
    divergence: Divergence | None = None
    to_host: Callable[[Any], Any] = field(default=lambda array: array, repr=False, compare=False)

    @classmethod
    def initial(cls, network: Network, spec: TrainingSpec, seed: int) -> TrainingState:
        """The state before the first step."""
        dtype = dtype_of(spec.precision)
        parameters = network.initial_parameters(seed, dtype)
        return cls(
            parameters=parameters,
            epoch_parameters=parameters.copy(),
            slots=optimizers.initial_slots(spec.optimizer, network.n_trainable, dtype),
            average=None if spec.ema_decay is None else parameters.copy(),
        )

    @property
    def judged(self) -> Array:
        """The parameters that validation looks at: the average's, or the present ones."""
        return self.parameters if self.average is None else self.average

    def arrays(self) -> dict[str, Array]:
        """The vectors by name, on the host (themselves and not copies, where they lie there)."""
        found = {name: getattr(self, name) for name in _VECTORS}
        found |= {_SLOT + name: slot for name, slot in self.slots.items()}
        return {name: self.to_host(array) for name, array in found.items() if array is not None}

    def scalars(self) -> dict[str, Scalar]:
        """Everything else, as plain data."""
        found: dict[str, Scalar] = {name: getattr(self, name) for name in _SCALARS}
        at = self.divergence
        for name in _DIVERGENCE:
            found[f"divergence_{name}"] = getattr(at, name) if at else None
        return found

    @classmethod
    def from_parts(
        cls, arrays: Mapping[str, Array], scalars: Mapping[str, Scalar]
    ) -> TrainingState:
        """The state that `arrays` and `scalars` described; the vectors are copied."""
        copies: dict[str, Any] = {name: np.array(array) for name, array in arrays.items()}
        slots = {
            name.removeprefix(_SLOT): copies.pop(name) for name in arrays if name.startswith(_SLOT)
        }
        values: dict[str, Any] = {name: scalars[name] for name in _SCALARS if name != _NEWEST}
        values[_NEWEST] = scalars.get(_NEWEST)
        if scalars["divergence_step"] is not None:
            place: Any = [scalars[f"divergence_{name}"] for name in _DIVERGENCE]
            values["divergence"] = Divergence(*place)
        return cls(slots=slots, **copies, **values)

    def place(self, kernels: Kernels) -> None:
        """Take the vectors to where these kernels compute."""
        to_device = kernels.to_device
        for name in _VECTORS:
            if getattr(self, name) is not None:
                setattr(self, name, to_device(getattr(self, name)))
        for name, slot in self.slots.items():
            self.slots[name] = to_device(slot)
        self.to_host = kernels.to_host

    def final_parameters(self, spec: TrainingSpec) -> Array:
        """The parameters (P,) to keep: the best epoch's where the spec restores it, or the last's.

        In the middle of an epoch that is the last whole one.
        """
        if self.best_parameters is not None and _restores_best(spec):
            return self.to_host(self.best_parameters)  # type: ignore[no-any-return]
        return self.to_host(self.epoch_parameters)  # type: ignore[no-any-return]

    def close_epoch(self, figures: Mapping[str, float], spec: TrainingSpec) -> None:
        """Count the epoch as completed and judge it by its figures; may set `stop_reason`.

        Without early stopping the best epoch is still noted, by the validation loss if there is
        one.
        """
        self.epoch += 1
        self.step_in_epoch, self.loss_sum = 0, 0.0
        self.epoch_parameters[...] = self.judged
        monitor, direction = judging.monitor(spec, validates="val_loss" in figures)
        self._be_judged_by(f"{direction} {monitor}")
        self._judge(figures[monitor], direction, spec)
        if isinstance(spec.schedule, ReduceOnPlateauSchedule):
            self._judge_plateau(figures[monitor], direction, spec.schedule)
        stopping = spec.early_stopping
        if stopping is not None and self.bad_epochs >= stopping.patience:
            self.stop_reason = "early_stopping"
        elif self.epoch >= spec.epochs:
            self.stop_reason = "max_epochs"

    def diverge(self, tensor: str, norm: float, step: int | None = None) -> None:
        """End the run: at this step (or at `step`) `tensor` was found not finite."""
        self.parameters[...] = self.epoch_parameters
        if self.average is not None:
            self.average[...] = self.epoch_parameters
        at = self.step if step is None else step
        self.divergence = Divergence(self.epoch + 1, at, tensor, norm)
        self.stop_reason = "diverged"

    def _be_judged_by(self, figure: str) -> None:
        """Compare no figure with another: a training may go on with a changed specification."""
        if self.judged_by not in (None, figure):
            self.best_value, self.bad_epochs = None, 0
            self.plateau_best, self.plateau_epochs = None, 0
        self.judged_by = figure

    def _judge(self, value: float, direction: Direction, spec: TrainingSpec) -> None:
        margin = spec.early_stopping.min_delta if spec.early_stopping else 0.0
        if judging.is_better(value, self.best_value, direction, margin):
            self.best_value, self.best_epoch, self.bad_epochs = value, self.epoch, 0
            if _restores_best(spec):
                self._keep_best()
        else:
            self.bad_epochs += 1

    def _judge_plateau(
        self, value: float, direction: Direction, schedule: ReduceOnPlateauSchedule
    ) -> None:
        """As PyTorch does it, but for a best value below 0: there, too, better must be better."""
        margin = schedule.threshold * abs(self.plateau_best or 0.0)
        if judging.is_better(value, self.plateau_best, direction, margin):
            self.plateau_best, self.plateau_epochs = value, 0
        else:
            self.plateau_epochs += 1
        if self.plateau_epochs > schedule.patience:
            self.plateau_factor = max(self.plateau_factor * schedule.factor, schedule.final)
            self.plateau_epochs = 0

    def _keep_best(self) -> None:
        if self.best_parameters is None:
            self.best_parameters = self.judged.copy()
        else:
            self.best_parameters[...] = self.judged


def _restores_best(spec: TrainingSpec) -> bool:
    return spec.early_stopping is not None and spec.early_stopping.restore_best


_NEWEST = "judged_by"
"""Not in states that were saved before there was any going on with another specification."""

_DIVERGENCE = tuple(f.name for f in fields(Divergence))
_SCALARS = tuple(
    f.name
    for f in fields(TrainingState)
    if f.name not in {*_VECTORS, "slots", "divergence", "to_host"}
)
