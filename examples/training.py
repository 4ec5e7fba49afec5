"""Train one network and show how it learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.cli.learning_curve import WIDTH, learning_curve
from service.cli.progress import follow
from service.cli.progress_views import progress_view

if TYPE_CHECKING:
    from rich.console import Console

    from service.client import Client
    from service.schemas.runs import Run


class TrainingError(Exception):
    """A run ended without a model, or with one that is not good enough."""


def train(client: Client, console: Console, **wish: Any) -> Run:
    """Start a run, show its epochs as they come and its curves at the end, return it ended.

    Raises:
        TrainingError: it did not succeed.
    """
    run = client.runs.create(**wish)
    with progress_view(console, "  training") as view:
        follow(client.runs.events(run.id), run.spec.training.epochs, view)
    run = client.runs.get(run.id)
    if run.status != "succeeded":
        raise TrainingError(f"{run.id} {run.status}: {run.error.detail if run.error else ''}")
    console.print(f"  {run.stop_reason} after epoch {run.progress.epoch}", markup=False)
    for line in learning_curve(client.runs.metrics(run.id, max_points=WIDTH)):
        console.print(f"  {line}", markup=False)
    return run
