"""The state of a training: everything needed to go on bit-identically, also in mid-epoch."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine import optimizers
from workers.engine.backend import dtype_of
from workers.engine.tensors import Array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.engine.network import Network
    from workers.engine.spec import TrainingSpec

Scalar = int | float | str | None

_ARRAYS = ("parameters", "epoch_parameters", "best_parameters")
_SLOT = "slots."


@dataclass(frozen=True)
class Divergence:
    """Where a training left the finite numbers.

    `tensor` is a parameter tensor's name, or "loss" or "val_loss" where all parameters are still
    finite; `step` counts from the beginning of the run.
    """

    epoch: int
    step: int
    tensor: str


@dataclass
class TrainingState:
    """Data, changed in place by `train`; a copy taken at a yield is a checkpoint.

    epoch counts the epochs completed, step the updates done, step_in_epoch those of the epoch
    at work; loss_sum is the loss times rows, summed over them. epoch_parameters are those with
    which the epoch began: the last that are known to be finite.
    """

    parameters: Array
    epoch_parameters: Array
    slots: dict[str, Array]
    best_parameters: Array | None = None
    epoch: int = 0
    step: int = 0
    step_in_epoch: int = 0
    loss_sum: float = 0.0
    best_epoch: int = 0
    best_value: float | None = None
    bad_epochs: int = 0
    stop_reason: str | None = None
    divergence: Divergence | None = field(default=None)

    @classmethod
    def initial(cls, network: Network, spec: TrainingSpec, seed: int) -> TrainingState:
        """The state before the first step."""
        parameters = network.initial_parameters(seed, dtype_of(spec.precision))
        return cls(
            parameters=parameters,
            epoch_parameters=parameters.copy(),
            slots=optimizers.initial_slots(spec.optimizer, parameters),
        )

    def arrays(self) -> dict[str, Array]:
        """The vectors by name, themselves and not copies: each (P,)."""
        found = {name: getattr(self, name) for name in _ARRAYS}
        found |= {_SLOT + name: slot for name, slot in self.slots.items()}
        return {name: array for name, array in found.items() if array is not None}

    def scalars(self) -> dict[str, Scalar]:
        """Everything else, as plain data."""
        found: dict[str, Scalar] = {name: getattr(self, name) for name in _SCALARS}
        at = self.divergence
        found["divergence_epoch"] = at.epoch if at else None
        found["divergence_step"] = at.step if at else None
        found["divergence_tensor"] = at.tensor if at else None
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
        values: dict[str, Any] = {name: scalars[name] for name in _SCALARS}
        if scalars["divergence_step"] is not None:
            place: Any = [scalars[f"divergence_{part}"] for part in ("epoch", "step", "tensor")]
            values["divergence"] = Divergence(*place)
        return cls(slots=slots, **copies, **values)

    def final_parameters(self, spec: TrainingSpec) -> Array:
        """The parameters (P,) to keep: the best epoch's where the spec restores it, or the last."""
        if self.best_parameters is not None and _restores_best(spec):
            return self.best_parameters
        return self.parameters

    def close_epoch(self, train_loss: float, val_loss: float | None, spec: TrainingSpec) -> None:
        """Count the epoch as completed and judge it; may set `stop_reason`.

        Without early stopping the best epoch is still noted, by the validation loss if there is
        one.
        """
        self.epoch += 1
        self.step_in_epoch, self.loss_sum = 0, 0.0
        np.copyto(self.epoch_parameters, self.parameters)
        stopping = spec.early_stopping
        by_train_loss = stopping is not None and stopping.monitor == "train_loss"
        self._judge(train_loss if val_loss is None or by_train_loss else val_loss, spec)
        if stopping is not None and self.bad_epochs >= stopping.patience:
            self.stop_reason = "early_stopping"
        elif self.epoch >= spec.epochs:
            self.stop_reason = "max_epochs"

    def diverge(self, tensor: str) -> None:
        """End the run: at this step `tensor` was found not finite."""
        np.copyto(self.parameters, self.epoch_parameters)
        self.divergence = Divergence(self.epoch + 1, self.step, tensor)
        self.stop_reason = "diverged"

    def _judge(self, value: float, spec: TrainingSpec) -> None:
        margin = spec.early_stopping.min_delta if spec.early_stopping else 0.0
        if self.best_value is None or value < self.best_value - margin:
            self.best_value, self.best_epoch, self.bad_epochs = value, self.epoch, 0
            if _restores_best(spec):
                self._keep_best()
        else:
            self.bad_epochs += 1

    def _keep_best(self) -> None:
        if self.best_parameters is None:
            self.best_parameters = np.empty_like(self.parameters)
        np.copyto(self.best_parameters, self.parameters)


def _restores_best(spec: TrainingSpec) -> bool:
    return spec.early_stopping is not None and spec.early_stopping.restore_best


_SCALARS = tuple(
    f.name for f in fields(TrainingState) if f.name not in {*_ARRAYS, "slots", "divergence"}
)
