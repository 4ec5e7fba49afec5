"""The catalogue over HTTP."""

import hashlib
from typing import Annotated, get_args

from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator

from service.api import catalog_examples
from service.api.auth import Reader
from service.api.openapi import describe
from service.errors import NotFoundError
from service.schemas.catalog import CatalogEntry, Subject
from service.schemas.wire import Page
from service.usecases.catalog import catalog

router = APIRouter(prefix="/v1/catalog", tags=["catalog"])

# It changes with a new version of the service only; an hour is late enough for that to be seen.
_CACHED = "private, max-age=3600"


def _known(value: object) -> object:
    if value not in get_args(Subject):
        raise NotFoundError(f"catalogue; there are {', '.join(get_args(Subject))}")
    return value


@router.get(
    "/{subject}", summary="What networks and trainings can be made of",
    response_model=Page[CatalogEntry],
    responses={304: {"description": "The client has this catalogue."}},
    **describe("catalog_get", problems=(404,), example=catalog_examples.LOSSES),
)  # fmt: skip
def get_catalog(
    request: Request, _: Reader, subject: Annotated[Subject, BeforeValidator(_known)]
) -> Response:
    """Return everything of a subject: formula, derivative, source, parameters, where it fits."""
    body = catalog(subject).model_dump_json().encode()
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": _CACHED}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, "application/json")
