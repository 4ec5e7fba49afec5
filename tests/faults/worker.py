"""A worker that can be stopped or killed at places, and whose clock and heartbeat can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.store import blobs
from tests.faults import clock
from tests.faults.ledger import StoppingLeases, StoppingSessions, run_name
from tests.faults.places import come_to
from workers import app, attempt, fit, fold_trainings, runner
from workers.__main__ import main
from workers.engine import stacked, training
from workers.fit import Fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from service.usecases.claims import EpochMetrics
    from workers.engine.kernels.contract import Kernels


class StoppingFit(Fit):
    """Comes to `12` at the end of epoch 12, to `12-inside` within it."""

    def epochs(self, kernels: Kernels) -> Iterator[EpochMetrics | None]:
        for ended in super().epochs(kernels):
            place = f"{self.epoch}" if ended else f"{self.epoch + 1}-inside"
            come_to(place, run_name())
            yield ended


def train_together(fits: Sequence[Fit], kernels: Kernels) -> Iterator[None]:
    """Come to `folds-of-3` before three folds are trained, to `12-inside` in their epoch 12."""
    come_to(f"folds-of-{len(fits)}", run_name())
    for _ in fit.train_together(fits, kernels):
        come_to(f"{fits[0].epoch + 1}-inside", run_name())
        yield


if __name__ == "__main__":
    vars(attempt)["Fit"] = StoppingFit
    vars(fold_trainings)["train_together"] = train_together
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
