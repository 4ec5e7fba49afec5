"""Saved weights, as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.client.request import get, segment

if TYPE_CHECKING:
    from service.client.transport import Transport


class Checkpoints:
    """The weights of runs at some epoch."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def weights(self, checkpoint_id: str) -> bytes:
        """Return the weights in the safetensors format, named `layers.<i>.weight` and `.bias`."""
        return self._transport.send(
            get(f"/v1/checkpoints/{segment(checkpoint_id)}/weights")
        ).content
