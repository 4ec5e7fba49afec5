"""What the routes are given: the use cases and the edge's own state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from service.api.auth import Gate
from service.api.rates import Rates
from service.settings import Limits
from service.usecases.datasets import Datasets
from service.usecases.events import Events
from service.usecases.health import Health
from service.usecases.idempotency import Idempotency
from service.usecases.networks import Networks
from service.usecases.predictions import Predictions
from service.usecases.reports import Reports
from service.usecases.runs import Runs
from service.usecases.traces import Traces


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything that the API is composed of; made by the composition root."""

    limits: Limits
    gate: Gate
    rates: Rates
    uploads_dir: Path
    datasets: Datasets
    networks: Networks
    traces: Traces
    runs: Runs
    events: Events
    reports: Reports
    predictions: Predictions
    idempotency: Idempotency
    health: Health
    close: Callable[[], None]
    """Lets go of the database; called when the application ends."""


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


async def _given(request: Request) -> Parts:
    return _parts(request)


Given = Annotated[Parts, Depends(_given)]
