"""The client: one object per service, its resources as attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from service.client.checkpoints import Checkpoints
from service.client.datasets import Datasets
from service.client.errors import ServerError, UnreachableError
from service.client.limits import Limits
from service.client.models import Models
from service.client.networks import Networks
from service.client.request import get, segment
from service.client.runs import Runs
from service.client.transport import Patience, Transport
from service.schemas.catalog import CatalogEntry
from service.schemas.service import ServiceStatus
from service.schemas.wire import Page

if TYPE_CHECKING:
    from types import TracebackType

    from service.schemas.catalog import Subject


class Client:
    """A service at an address, usable from several threads.

    Requests that can be repeated without doing more are repeated: after a lost connection and
    after 408, 429, 502, 503 and 504, at most `max_retries` times, after a growing pause or the
    one that the service asks for. Creating calls carry an `Idempotency-Key`, so that they can.

    Answers are the wire models of `service.schemas`; fields that a newer service has added are
    left out, fields that it has changed raise `UnexpectedAnswerError`.

        with Client("http://127.0.0.1:8000", api_key) as slope:
            dataset = slope.datasets.create("penguins.csv")
            run = slope.runs.create(dataset_id=dataset.id, target="species")
            for event in slope.runs.events(run.id):
                print(event.message)
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout_s: float = 60.0,
        max_retries: int = 2,
        backoff_s: float = 0.5,
    ) -> None:
        patience = Patience(timeout_s=timeout_s, max_retries=max_retries, backoff_s=backoff_s)
        self._transport = Transport(base_url, api_key, patience)
        self.base_url = self._transport.base_url
        self.datasets = Datasets(self._transport)
        self.networks = Networks(self._transport)
        self.runs = Runs(self._transport)
        self.models = Models(self._transport)
        self.checkpoints = Checkpoints(self._transport)
        self.limits = Limits(self._transport)

    def catalog(self, subject: Subject) -> list[CatalogEntry]:
        """Return what there is of activations, losses, optimizers, schedules and so on."""
        return self._transport.read(get(f"/v1/catalog/{segment(subject)}"), Page[CatalogEntry]).data

    def status(self) -> ServiceStatus:
        """Return which parts are there, how long runs of the project wait, who trains them."""
        return self._transport.read(get("/v1/status"), ServiceStatus)

    def is_ready(self) -> bool:
        """Tell, asking once, whether database, broker and a worker are there."""
        try:
            self._transport.send_once(get("/readyz"))
        except (UnreachableError, ServerError):
            return False
        return True

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
