"""Weights over HTTP."""

import hashlib

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from service.api.auth import Reader
from service.api.openapi import describe
from service.api.parts import Given
from service.api.paths import CheckpointId

router = APIRouter(prefix="/v1/checkpoints", tags=["runs"])


@router.get(
    "/{checkpoint_id}/weights", summary="Download weights", response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {"schema": {"type": "string",
                                                                 "format": "binary"}}}},
        304: {"description": "The client has these bytes."},
    },
    **describe("checkpoints_weights", problems=(404, 409)),
)  # fmt: skip
async def get_weights(
    request: Request, parts: Given, principal: Reader, checkpoint_id: CheckpointId
) -> Response:
    """Return the weights as safetensors; the ETag is the SHA-256 of the bytes."""
    project_id = principal.project_id
    data = await run_in_threadpool(parts.runs.checkpoint_weights, project_id, checkpoint_id)
    etag = f'"{hashlib.sha256(data).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, max-age=31536000, immutable"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = f'attachment; filename="{checkpoint_id}.safetensors"'
    return Response(data, 200, headers, "application/octet-stream")
