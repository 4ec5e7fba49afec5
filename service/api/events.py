"""Events of a run over HTTP: as a list, or live."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.routing import Match
from starlette.types import Scope

from service.api import examples
from service.api.auth import Reader
from service.api.feed import EventFeed
from service.api.openapi import describe
from service.api.paging import bad_cursor, check_page_size
from service.api.parts import Given
from service.api.paths import RunId
from service.schemas.events import Event
from service.schemas.runs import TERMINAL
from service.schemas.wire import Page

_MAX_SEQ = 2**63 - 1
_STREAM_TYPE = b"text/event-stream"


class EventsQuery(BaseModel):
    """Which events."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: int = Field(0, ge=0, le=_MAX_SEQ, description="Only events with a higher `seq`.")
    limit: int = Field(50, ge=1, description="How many; at most 500 unless set otherwise.")


_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "schema": {"type": "integer", "minimum": 0, "maximum": _MAX_SEQ},
    "description": "Of a stream: the `seq` that was seen last; it goes on behind it.",
}


class _StreamRoute(APIRoute):
    """A route for those alone who ask for a stream: the list has the same path."""

    def matches(self, scope: Scope) -> tuple[Match, Any]:
        """Match only with `Accept: text/event-stream`."""
        headers: Sequence[tuple[bytes, bytes]] = scope.get("headers", ())
        if any(name == b"accept" and _STREAM_TYPE in value for name, value in headers):
            return super().matches(scope)
        return Match.NONE, {}


streams = APIRouter(route_class=_StreamRoute)
lists = APIRouter(tags=["runs"])


async def _start(
    request: Request,
    parts: Given,
    principal: Reader,
    run_id: RunId,
    query: Annotated[EventsQuery, Query()],
) -> tuple[EventFeed, int, str, bool]:
    """Find out everything that can be refused before the stream begins."""
    feed: EventFeed = request.state.feed
    run = await run_in_threadpool(parts.runs.get, principal.project_id, run_id)
    feed.check_room(principal.key_id)
    return feed, _position(request, query.after), principal.key_id, run.status in TERMINAL


def _position(request: Request, after: int) -> int:
    # A browser that reconnects repeats the address and says in this header how far it came.
    last = request.headers.get("last-event-id")
    if last is None:
        return after
    if not (last.isascii() and last.isdigit()) or len(last) > 19 or int(last) > _MAX_SEQ:
        raise bad_cursor()
    return int(last)


@streams.get("/v1/runs/{run_id}/events", response_model=None, include_in_schema=False)
async def stream_events(
    run_id: RunId, start: Annotated[tuple[EventFeed, int, str, bool], Depends(_start)]
) -> EventSourceResponse:
    """Send events as they happen, from a position on; the stream ends after the final status."""
    feed, after, owner, is_over = start

    # Not as FastAPI would, event by event: with hundreds of listeners that costs ten times as
    # much, for each event is written anew for each of them.
    async def told() -> AsyncIterator[bytes]:
        with feed.listen(run_id, after, owner=owner, is_over=is_over) as listener:
            async for data in listener:
                yield data

    return EventSourceResponse(told(), headers={"X-Accel-Buffering": "no"})


@lists.get(
    "/v1/runs/{run_id}/events", summary="What happened",
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"},
                                                       "example": examples.EVENT_STREAM}}}},
    openapi_extra={"parameters": [_LAST_EVENT_ID]},
    **describe("runs_events", problems=(404, 422), example=examples.page(examples.EVENT)),
)  # fmt: skip
def list_events(
    parts: Given, principal: Reader, run_id: RunId, query: Annotated[EventsQuery, Query()]
) -> Page[Event]:
    """Return events, oldest first; with `Accept: text/event-stream` the same events live."""
    check_page_size(query.limit, parts.limits)
    return parts.events.list(principal.project_id, run_id, after=query.after, limit=query.limit)
