"""Trainings: start, follow, wait, look back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from service.client.errors import WaitTimeoutError
from service.client.pages import Listing
from service.client.request import ask, create, delete, get, segment
from service.client.streams import live_events
from service.schemas.provenance import Provenance
from service.schemas.runs import TERMINAL, Checkpoint, MetricSeries, Run, RunCreate
from service.schemas.wire import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.client.transport import Transport
    from service.schemas.events import Event

_PATH = "/v1/runs"


class Runs:
    """Trainings on the workers."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self, wish: RunCreate | None = None, *, idempotency_key: str | None = None, **fields: Any
    ) -> Run:
        """Start a training: `create(dataset_id=..., target=...)` suffices.

        Either a whole `RunCreate` or its fields. Fields are judged by the service, so that a
        newer one's can be used; only what is set is sent, the rest is its to choose.
        """
        if wish is not None and fields:
            raise TypeError("give a RunCreate or fields, not both")
        return self._transport.read(create(_PATH, wish or fields, idempotency_key), Run)

    def get(self, run_id: str) -> Run:
        """Return a run as it stands."""
        return self._transport.read(get(_path(run_id)), Run)

    def list(
        self,
        *,
        status: str | None = None,
        dataset_id: str | None = None,
        model: str | None = None,
        limit: int | None = None,
    ) -> Listing[Run]:
        """Iterate over all runs that match, newest first, `limit` a page."""
        filters = {"status": status, "dataset_id": dataset_id, "model": model, "limit": limit}
        return Listing(self._transport, _PATH, Page[Run], **filters)

    def wait(self, run_id: str, *, timeout_s: float | None = None, poll_s: float = 0.5) -> Run:
        """Return the run once it has ended, whichever way.

        Raises:
            WaitTimeoutError: it goes on after `timeout_s`.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (run := self.get(run_id)).status not in TERMINAL:
            left_s = poll_s if deadline is None else deadline - time.monotonic()
            if left_s <= 0:
                raise WaitTimeoutError(run, timeout_s or 0.0)
            time.sleep(min(poll_s, left_s))
        return run

    def events(self, run_id: str, *, after: int = 0) -> Iterator[Event]:
        """Yield the events behind number `after`, then new ones as they happen, to the run's end.

        Lost connections are opened again; every event comes once.
        """
        return live_events(self._transport, run_id, after)

    def pause(self, run_id: str) -> Run:
        """Put a run aside with a checkpoint, until it is resumed."""
        return self._ask(run_id, "pause")

    def resume(self, run_id: str) -> Run:
        """Let a paused run go on from where it was."""
        return self._ask(run_id, "resume")

    def stop(self, run_id: str) -> Run:
        """End a run with the epoch it is in and keep its model."""
        return self._ask(run_id, "stop")

    def cancel(self, run_id: str) -> Run:
        """End a run now; its last checkpoint stays."""
        return self._ask(run_id, "cancel")

    def continue_from(
        self, checkpoint_id: str, *, idempotency_key: str | None = None, **fields: Any
    ) -> Run:
        """Go on from a checkpoint as a new run: `continue_from(ckpt, training={"epochs": 200})`.

        What is left out of the fields is as it was in the run that saved it.
        """
        return self._begin("continue", checkpoint_id, idempotency_key, fields)

    def warm_start(
        self, checkpoint_id: str, *, idempotency_key: str | None = None, **fields: Any
    ) -> Run:
        """Start a training of its own with the weights of a checkpoint."""
        return self._begin("warm_start", checkpoint_id, idempotency_key, fields)

    def replay(
        self, run_id: str, *, start: str = "start", idempotency_key: str | None = None
    ) -> Run:
        """Do a run again, from its start or a checkpoint; `replay` of the new run compares them."""
        asked = create(f"{_path(run_id)}/replay", {"from": start}, idempotency_key)
        return self._transport.read(asked, Run)

    def provenance(self, run_id: str) -> Provenance:
        """Return what a run's weights come from."""
        return self._transport.read(get(f"{_path(run_id)}/provenance"), Provenance)

    def delete(self, run_id: str) -> None:
        """Delete a run that has ended."""
        self._transport.send(delete(_path(run_id)))

    def metrics(self, run_id: str, *, max_points: int | None = None) -> MetricSeries:
        """Return the learning curves, thinned to at most `max_points` epochs."""
        return self._transport.read(
            get(f"{_path(run_id)}/metrics", max_points=max_points), MetricSeries
        )

    def report(self, run_id: str) -> dict[str, Any]:
        """Return the evaluation on the rows that were held out."""
        content = self._transport.send(get(f"{_path(run_id)}/report")).content
        report: dict[str, Any] = from_json(content)
        return report

    def checkpoints(self, run_id: str, *, limit: int | None = None) -> Listing[Checkpoint]:
        """Iterate over the saved weights."""
        path = f"{_path(run_id)}/checkpoints"
        return Listing(self._transport, path, Page[Checkpoint], limit=limit)

    def _ask(self, run_id: str, verb: str) -> Run:
        return self._transport.read(ask(f"{_path(run_id)}/{verb}"), Run)

    def _begin(
        self, mode: str, checkpoint_id: str, idempotency_key: str | None, fields: dict[str, Any]
    ) -> Run:
        parent = {"checkpoint_id": checkpoint_id, "mode": mode}
        return self.create(idempotency_key=idempotency_key, parent=parent, **fields)


def _path(run_id: str) -> str:
    return f"{_PATH}/{segment(run_id)}"
