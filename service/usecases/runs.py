"""Runs as their owner moves them: create, look, cancel, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.schemas.runs import Checkpoint, MetricSeries, Run, RunCreate, Status
    from service.schemas.wire import Page
    from service.settings import Limits
    from service.store.blobs import Blobs
    from service.store.broker import Broker
    from service.store.db import Sessions
    from service.usecases.idempotency import IdempotencyClaim


class Runs:
    """A user's moves."""

    def __init__(
        self, sessions: Sessions, blobs: Blobs, broker: Broker, limits: Limits
    ) -> None: ...

    def create(
        self, project_id: str, wish: RunCreate, *, idempotency: IdempotencyClaim | None = None
    ) -> Run:
        """Queue a run; it is durable when this returns, whatever the broker does."""

    def get(self, project_id: str, run_id: str) -> Run: ...

    def list(
        self,
        project_id: str,
        *,
        status: Status | None = None,
        dataset_id: str | None = None,
        model: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[Run]: ...

    def cancel(self, project_id: str, run_id: str) -> Run: ...

    def delete(self, project_id: str, run_id: str) -> None: ...

    def metrics(
        self, project_id: str, run_id: str, *, max_points: int | None = None
    ) -> MetricSeries: ...

    def checkpoints(
        self, project_id: str, run_id: str, *, limit: int = 50, after: str | None = None
    ) -> Page[Checkpoint]: ...

    def checkpoint_weights(self, project_id: str, checkpoint_id: str) -> bytes:
        """Return safetensors bytes; ConflictError `no_weights` for a checkpoint without."""
