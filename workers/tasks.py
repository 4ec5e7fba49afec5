"""The worker's tasks. A message is a run's id, or a canary; everything else is in the ledger."""

from __future__ import annotations

from celery import signals

from service.ids import has_shape
from service.store.broker import CANARY_TASK, TASK
from workers.app import app, ear, runner, termination
from workers.hearing import answer_at_once

__all__ = ["app", "canary", "train"]


@app.task(name=TASK)
def train(run_id: str) -> None:
    """Train a run; a message that is lost, repeated or forged does no harm."""
    if has_shape(run_id, "run"):
        with termination.postponed():
            runner().run(run_id)


@app.task(name=CANARY_TASK)
def canary() -> None:
    """Show that messages arrive; its strategy answers, and no process of the pool."""


def _hear(**_: object) -> None:
    ear.hear()


canary.Strategy = answer_at_once(ear.hear)
signals.task_received.connect(_hear)
