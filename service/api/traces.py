"""Traces over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Response

from service.api import trace_examples
from service.api.auth import Reader
from service.api.bodies import Body, json_body
from service.api.openapi import describe
from service.api.parts import Given
from service.schemas.trace import Trace, TraceRequest

router = APIRouter(prefix="/v1/networks", tags=["networks"])


@router.post(
    "/trace", summary="Take one step of training apart", response_model=Trace,
    **describe(
        "networks_trace", problems=(404, 415, 422), example=trace_examples.TRACE,
        bodies={"application/json": {"schema": TraceRequest, "example": trace_examples.REQUEST}},
    ),
)  # fmt: skip
def trace_step(
    parts: Given,
    principal: Reader,
    body: Annotated[Body[TraceRequest], json_body(TraceRequest)],
) -> Response:
    """Return one step in every number: forward, loss, gradients beside differences, update."""
    trace = parts.traces.trace(principal.project_id, body.value)
    return Response(trace.model_dump_json(), media_type="application/json")
