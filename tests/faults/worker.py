"""A worker that can be stopped or killed at places, and whose clock and heartbeat can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.store import blobs
from tests.faults import clock
from tests.faults.ledger import StoppingLeases, StoppingSessions, run_name
from tests.faults.places import come_to
from workers import app, fit, runner
from workers.__main__ import main
from workers.engine import training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.engine.training import Progress


def train_with_stops(*arguments: Any, **options: Any) -> Iterator[Progress]:
    """Train as the engine does; come to `12` at the end of epoch 12, to `12-inside` within it."""
    for progress in training.train(*arguments, **options):
        come_to(f"{progress.epoch}" if progress.report else f"{progress.epoch}-inside", run_name())
        yield progress


if __name__ == "__main__":
    vars(fit)["train"] = train_with_stops
    vars(app)["Leases"] = StoppingLeases
    vars(app)["Sessions"] = StoppingSessions
    # A training stops within an epoch, however few microseconds that takes: after every step.
    vars(training)["CHUNK_S"] = 0.0
    # Short trainings, too, have a checkpoint to go on from.
    vars(runner)["CHECKPOINT_S"] = 0.0
    # Small networks, too, have checkpoints of several pieces.
    vars(blobs)["CHUNK_BYTES"] = 1024
    clock.make_jumpy()
    main()
