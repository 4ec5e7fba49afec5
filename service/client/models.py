"""Trained models: look, predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.client.pages import Listing
from service.client.request import Request, ask, get, segment
from service.schemas.models import Model, PredictResponse
from service.schemas.wire import Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.client.transport import Transport

_PATH = "/v1/models"


class Models:
    """Models by reference: an id, a name (its latest version) or `name:version`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, ref: str) -> Model:
        """Return a model."""
        return self._transport.read(get(f"{_PATH}/{segment(ref)}"), Model)

    def list(self, *, limit: int | None = None) -> Listing[Model]:
        """Iterate over all models, `limit` a page."""
        return Listing(self._transport, _PATH, Page[Model], limit=limit)

    def predict(
        self,
        ref: str,
        rows: Sequence[Mapping[str, Any]] | None = None,
        *,
        inputs: Sequence[Sequence[Any]] | None = None,
    ) -> PredictResponse:
        """Predict rows by column name, or inputs in the order of the model's features."""
        body = {"inputs": inputs} if rows is None else {"rows": rows}
        return self._transport.read(ask(f"{_PATH}/{segment(ref)}/predict", body), PredictResponse)

    def predict_csv(self, ref: str, csv: bytes) -> PredictResponse:
        """Predict the rows of a CSV text with a header, in one request."""
        request = Request(
            method="POST",
            path=f"{_PATH}/{segment(ref)}/predict",
            headers={"Content-Type": "text/csv"},
            content=csv,
            is_pure=True,
        )
        return self._transport.read(request, PredictResponse)
