"""The limits that the service sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import RootModel

from service.client.request import get
from service.schemas.service import LimitInfo

if TYPE_CHECKING:
    from service.client.transport import Transport


class _AllLimits(RootModel[dict[str, LimitInfo]]):
    """Every limit by its name, as the answer has it."""


class Limits:
    """Sizes, counts and rates."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> dict[str, LimitInfo]:
        """Return every limit by its name."""
        return self._transport.read(get("/v1/limits"), _AllLimits).root
