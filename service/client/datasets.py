"""Tables: upload, look, delete."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.client.pages import Listing
from service.client.request import Form, Request, create, delete, encode, get, keyed, segment
from service.schemas.datasets import Dataset, DatasetRows
from service.schemas.wire import Page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.client.transport import Transport

_PATH = "/v1/datasets"


class Datasets:
    """Immutable tables."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        file: Path | str | bytes,
        *,
        name: str | None = None,
        schema: Mapping[str, Any] | None = None,
        parse: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Dataset:
        """Upload a table: a file by its path, or the bytes themselves.

        `schema` overrides columns (`{"year": {"type": "categorical"}}`), `parse` the way the text
        is read (`{"delimiter": ";"}`).
        """
        source = file if isinstance(file, bytes) else Path(file)
        filename = source.name if isinstance(source, Path) else "table.csv"
        fields = {"name": name or filename}
        fields |= {
            key: encode(value).decode()
            for key, value in (("schema", schema), ("parse", parse))
            if value is not None
        }
        form = Form(fields=fields, filename=filename, file=source)
        request = Request(method="POST", path=_PATH, headers=keyed(idempotency_key), form=form)
        return self._transport.read(request, Dataset)

    def derive(
        self, dataset_id: str, schema: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> Dataset:
        """Make a new dataset whose columns are read as the types that `schema` names."""
        path = f"{_PATH}/{segment(dataset_id)}/derive"
        request = create(path, {"schema": schema}, idempotency_key)
        return self._transport.read(request, Dataset)

    def get(self, dataset_id: str) -> Dataset:
        """Return a dataset with its columns and their statistics."""
        return self._transport.read(get(f"{_PATH}/{segment(dataset_id)}"), Dataset)

    def list(self, *, limit: int | None = None) -> Listing[Dataset]:
        """Iterate over all datasets, `limit` a page."""
        return Listing(self._transport, _PATH, Page[Dataset], limit=limit)

    def rows(self, dataset_id: str, *, offset: int = 0, limit: int = 50) -> DatasetRows:
        """Return some rows as they were understood."""
        path = f"{_PATH}/{segment(dataset_id)}/rows"
        return self._transport.read(get(path, offset=offset, limit=limit), DatasetRows)

    def delete(self, dataset_id: str) -> None:
        """Delete a dataset that no run needs."""
        self._transport.send(delete(f"{_PATH}/{segment(dataset_id)}"))
