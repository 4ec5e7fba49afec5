"""Network specifications: keep, look, try out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.client.pages import Listing
from service.client.request import ask, create, delete, get, segment
from service.schemas.networks import Network, NetworkValidation
from service.schemas.trace import Trace
from service.schemas.wire import Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.client.transport import Transport
    from workers.engine.spec import Layer

_PATH = "/v1/networks"


class Networks:
    """Named networks."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        name: str,
        layers: Sequence[Layer | Mapping[str, Any]],
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Network:
        """Keep a network under a name; `fields` are `output`, `skip`, `embeddings`."""
        body = {"name": name, "layers": list(layers), **fields}
        return self._transport.read(create(_PATH, body, idempotency_key), Network)

    def get(self, network_id: str) -> Network:
        """Return a network."""
        return self._transport.read(get(f"{_PATH}/{segment(network_id)}"), Network)

    def list(self, *, limit: int | None = None) -> Listing[Network]:
        """Iterate over all networks, `limit` a page."""
        return Listing(self._transport, _PATH, Page[Network], limit=limit)

    def delete(self, network_id: str) -> None:
        """Forget a network; runs made with it keep theirs."""
        self._transport.send(delete(f"{_PATH}/{segment(network_id)}"))

    def trace(self, **fields: Any) -> Trace:
        """Take one step of training apart, storing nothing.

        `fields` are those of a `TraceRequest`: `network`, `target`, `rows`, or `checkpoint_id`.
        """
        return self._transport.read(ask(f"{_PATH}/trace", fields), Trace)

    def validate(self, network: Mapping[str, Any], **fields: Any) -> NetworkValidation:
        """Say what a network would become and cost, storing nothing.

        `fields` are `training`, `dataset_id`, `target`.
        """
        body = {"network": network, **fields}
        return self._transport.read(ask(f"{_PATH}/validate", body), NetworkValidation)
