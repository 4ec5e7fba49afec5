"""The limits that the service sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from service.client.request import get

if TYPE_CHECKING:
    from service.client.transport import Transport


class Limits:
    """Sizes, counts and rates."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> dict[str, Any]:
        """Return every limit by its name."""
        limits: dict[str, Any] = from_json(self._transport.send(get("/v1/limits")).content)
        return limits
