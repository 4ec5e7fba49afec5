"""Learning rates of the engine, with the plateau's factor as the state of a training keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.parity import specs
from workers.engine import schedules
from workers.engine.spec import MseSpec, TrainingSpec
from workers.engine.training import TrainingState

if TYPE_CHECKING:
    from tests.parity.case import Arrays, Case
    from workers.engine.kernels.contract import Kernels


def rates(case: Case, kernels: Kernels) -> Arrays:  # noqa: ARG001 - no kernel computes them
    """The learning rate of every step of a run whose epochs end with the values of `monitor`."""
    monitor, per_epoch = case.inputs["monitor"], case.options["steps_per_epoch"]
    schedule = specs.schedule(case.options["schedule"])
    spec = TrainingSpec(epochs=len(monitor), batch_size=1, loss=MseSpec(), schedule=schedule)
    state = TrainingState(np.zeros(1), np.zeros(1), {})
    found = []
    for epoch, value in enumerate(monitor):
        steps = np.arange(1, per_epoch + 1, dtype=np.int64) + epoch * per_epoch
        found.append(
            schedules.rates(
                schedule,
                case.options["base_rate"],
                steps,
                per_epoch,
                len(monitor) * per_epoch,
                state.plateau_factor,
            )
        )
        state.close_epoch({"train_loss": float(value)}, spec)
    return {"rates": np.concatenate(found)}
