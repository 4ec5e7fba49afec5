"""Datasets over HTTP."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from service.api import examples
from service.api.auth import Reader, Writer
from service.api.bodies import Body, json_body
from service.api.creation import Creation, IdempotencyKey
from service.api.openapi import describe
from service.api.paging import Paged, check_page_size
from service.api.parts import Given, Parts
from service.api.paths import DatasetId
from service.api.upload import Upload, receive_upload
from service.schemas.datasets import Dataset, DatasetDerive, DatasetRows
from service.schemas.wire import Page
from service.usecases.deriving import derive_table
from service.usecases.idempotency import UPLOAD_FLIGHT_S, IdempotencyClaim
from service.usecases.parsing import parse_upload

_DERIVE = {"schema": {"species": {"type": "text"}}}

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])


class RowsQuery(BaseModel):
    """A window of rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offset: int = Field(0, ge=0, le=2**53, description="The first row, counted from 0.")
    limit: int = Field(50, ge=1, description="How many; at most 500 unless set otherwise.")


@router.post(
    "", status_code=201, response_model=Dataset, summary="Upload a table",
    **describe(
        "datasets_create", problems=(409, 415, 422), example=examples.DATASET,
        bodies={"multipart/form-data": {"schema": examples.UPLOAD_FORM,
                                        "example": examples.UPLOAD}},
    ),
)  # fmt: skip
async def create_dataset(
    request: Request, parts: Given, principal: Writer, key: IdempotencyKey
) -> Response:
    """Receive a table, find out the types of its columns, keep it as it is.

    CSV, TSV, JSON rows, NDJSON, Parquet or NPY: its first bytes say which, or `parse.format`.
    """
    with parts.rates.upload(principal.key_id):
        async with receive_upload(request, parts.uploads_dir, parts.limits) as upload:
            creation = Creation(parts, principal, key, upload.fingerprint, UPLOAD_FLIGHT_S)
            create = partial(_create, parts, principal.project_id, upload)
            return await run_in_threadpool(creation.answer, 201, "/v1/datasets", create)


def _create(
    parts: Parts, project_id: str, upload: Upload, claim: IdempotencyClaim | None
) -> Dataset:
    options = upload.options
    parsed = parse_upload(upload.file, options.parse, options.columns, parts.limits)
    return parts.datasets.create(project_id, parsed, upload.name, idempotency=claim)


@router.post(
    "/{dataset_id}/derive", status_code=201, response_model=Dataset,
    summary="Read columns of a table as other types",
    **describe(
        "datasets_derive", problems=(404, 409, 415, 422), example=examples.DATASET,
        bodies={"application/json": {"schema": DatasetDerive, "example": _DERIVE}},
    ),
)  # fmt: skip
def derive_dataset(
    parts: Given,
    principal: Writer,
    key: IdempotencyKey,
    dataset_id: DatasetId,
    body: Annotated[Body[DatasetDerive], json_body(DatasetDerive)],
) -> Response:
    """Make a new dataset from what is stored of another, with the types that `schema` names.

    Text is read anew by the rules of an upload. A number becomes text in its shortest spelling, a
    date in ISO 8601, a truth value as true or false: how the upload wrote it is not kept, and a
    cell that was read as missing stays so.
    """
    creation = Creation(parts, principal, key, body.fingerprint, UPLOAD_FLIGHT_S)
    derive = partial(_derive, parts, principal.project_id, dataset_id, body.value)
    return creation.answer(201, "/v1/datasets", derive)


def _derive(
    parts: Parts,
    project_id: str,
    dataset_id: str,
    wish: DatasetDerive,
    claim: IdempotencyClaim | None,
) -> Dataset:
    table = parts.datasets.stored(project_id, dataset_id)
    derived = derive_table(table, wish.columns, parts.uploads_dir, parts.limits)
    return parts.datasets.create(
        project_id, derived, table.name, parent_id=dataset_id, idempotency=claim
    )


@router.get(
    "", summary="List datasets",
    **describe("datasets_list", problems=(422,), example=examples.page(examples.DATASET)),
)  # fmt: skip
def list_datasets(parts: Given, principal: Reader, query: Paged) -> Page[Dataset]:
    """Return datasets, newest first."""
    page = query.checked("ds", parts.limits)
    return parts.datasets.list(principal.project_id, limit=page.limit, after=page.after)


@router.get(
    "/{dataset_id}", summary="Look at a dataset",
    **describe("datasets_get", problems=(404,), example=examples.DATASET),
)  # fmt: skip
def get_dataset(parts: Given, principal: Reader, dataset_id: DatasetId) -> Dataset:
    """Return a dataset with its columns, their types and statistics."""
    return parts.datasets.get(principal.project_id, dataset_id)


@router.get(
    "/{dataset_id}/rows", summary="Look at rows",
    **describe("datasets_rows", problems=(404, 422), example=examples.DATASET_ROWS),
)  # fmt: skip
def get_rows(
    parts: Given, principal: Reader, dataset_id: DatasetId, query: Annotated[RowsQuery, Query()]
) -> DatasetRows:
    """Return a window of rows in the table's order, typed; fewer than `limit` of a wide table."""
    check_page_size(query.limit, parts.limits)
    return parts.datasets.rows(
        principal.project_id, dataset_id, offset=query.offset, limit=query.limit
    )


@router.delete(
    "/{dataset_id}", status_code=204, summary="Delete a dataset",
    **describe("datasets_delete", problems=(404, 409)),
)  # fmt: skip
def delete_dataset(parts: Given, principal: Writer, dataset_id: DatasetId) -> None:
    """Delete a dataset that no unfinished run needs; models trained on it stay."""
    parts.datasets.delete(principal.project_id, dataset_id)
