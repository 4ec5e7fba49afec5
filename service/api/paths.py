"""Ids in paths: what cannot be one names nothing, and is never asked of the database."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from service.errors import NotFoundError
from service.ids import has_shape

if TYPE_CHECKING:
    from service.ids import Prefix


def _shaped(value: str, prefix: Prefix, kind: str) -> str:
    if not has_shape(value, prefix):
        raise NotFoundError(kind)
    return value


DatasetId = Annotated[str, AfterValidator(partial(_shaped, prefix="ds", kind="dataset"))]
NetworkId = Annotated[str, AfterValidator(partial(_shaped, prefix="net", kind="network"))]
RunId = Annotated[str, AfterValidator(partial(_shaped, prefix="run", kind="run"))]
CheckpointId = Annotated[str, AfterValidator(partial(_shaped, prefix="ckpt", kind="checkpoint"))]
