"""The worker's one task. A message is a run's id; everything else is in the ledger."""

from __future__ import annotations

from service.ids import has_shape
from service.store.broker import TASK
from workers.app import app, runner

__all__ = ["app", "train"]


@app.task(name=TASK)
def train(run_id: str) -> None:
    """Train a run; a message that is lost, repeated or forged does no harm."""
    if has_shape(run_id, "run"):
        runner().run(run_id)
