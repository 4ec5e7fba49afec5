"""A worker that can be stopped or killed at places, and whose clock and heartbeat can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.store import blobs
from tests.faults import clock
from tests.faults.ledger import StoppingLeases, StoppingSessions, run_name
from tests.faults.places import come_to
from workers import app, attempt, fold_trainings, runner
from workers.__main__ import main
from workers.engine import stacked, training
from workers.fit import Fit
from workers.modelling.folds import Folds, FoldTraining

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.usecases.claims import EpochMetrics
    from workers.engine.kernels.contract import Kernels


class StoppingFit(Fit):
    """Comes to `12` at the end of epoch 12, to `12-inside` within it."""

    def epochs(self, kernels: Kernels) -> Iterator[EpochMetrics | None]:
        for ended in super().epochs(kernels):
            place = f"{self.epoch}" if ended else f"{self.epoch + 1}-inside"
            come_to(place, run_name())
            yield ended


class StoppingFolds(Folds):
    """Comes to `fold-2` before the second fold is trained."""

    def training(self, fold: int) -> FoldTraining:
        come_to(f"fold-{fold}", run_name())
        return super().training(fold)


if __name__ == "__main__":
    vars(attempt)["Fit"] = StoppingFit
    vars(attempt)["Folds"] = StoppingFolds
    vars(fold_trainings)["Fit"] = StoppingFit
    vars(app)["Leases"] = StoppingLeases
    vars(app)["Sessions"] = StoppingSessions
    # A training stops within an epoch, however few microseconds that takes: after every step.
    vars(training)["CHUNK_S"] = 0.0
    vars(stacked)["CHUNK_S"] = 0.0
    # Short trainings, too, have a checkpoint to go on from.
    vars(runner)["CHECKPOINT_S"] = 0.0
    # Small networks, too, have checkpoints of several pieces.
    vars(blobs)["CHUNK_BYTES"] = 1024
    clock.make_jumpy()
    main()
