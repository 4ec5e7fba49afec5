"""The routed application: every route, and every error as a problem."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as HttpError
from starlette.responses import Response
from starlette.routing import Match, Route

from service import VERSION
from service.api import (
    catalog,
    checkpoints,
    datasets,
    events,
    health,
    models,
    networks,
    not_built,
    runs,
    traces,
)
from service.api.docs import add_docs
from service.api.errors import (
    PROBLEM_TYPE,
    body_of,
    headers_of,
    internal_error_body,
    problem_body,
    status_of,
)
from service.api.feed import EventFeed
from service.api.openapi import DESCRIPTION, TITLE, document
from service.api.receipt import ReceiptTimes
from service.api.validation import query_problems
from service.errors import InvalidRequestError, SlopeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.api.parts import Parts

_CODES = {404: "not_found", 405: "method_not_allowed"}
_ROUTERS = (
    datasets.router,
    networks.router,
    traces.router,
    runs.router,
    events.streams,
    events.lists,
    checkpoints.router,
    models.router,
    catalog.router,
    health.router,
    not_built.router,
)


def routed_app(parts: Parts) -> FastAPI:
    """Return the application of all routes."""
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.parts = parts
    for router in _ROUTERS:
        app.include_router(router)
    add_docs(app)
    app.add_exception_handler(SlopeError, _refused)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(HttpError, _unrouted)
    app.add_exception_handler(Exception, _failed)
    app.openapi = _Document(app)  # type: ignore[method-assign]  # FastAPI's own way to replace it
    return app


class _Document:
    """The OpenAPI document, made once."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._made: dict[str, Any] | None = None

    def __call__(self) -> dict[str, Any]:
        if self._made is None:
            self._made = document(self._app)
        return self._made


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    parts: Parts = app.state.parts
    limits = parts.limits
    feed = EventFeed(parts.events, limits.event_streams, limits.event_streams_per_key)
    polling = asyncio.create_task(feed.run())
    times = ReceiptTimes(
        request_s=limits.request_receipt_seconds,
        upload_s=limits.upload_receipt_seconds,
        stall_s=limits.answer_stall_seconds,
    )
    try:
        # In the state of every request; the protocol of a connection reads the last two.
        yield {"feed": feed, "receipt": times, "close": feed.close}
    finally:
        feed.close()
        polling.cancel()
        with suppress(asyncio.CancelledError):
            await polling
        parts.close()


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, SlopeError):
        raise TypeError(error)
    body = body_of(error, request.state.request_id)
    return Response(body, status_of(error), headers_of(error), PROBLEM_TYPE)


async def _misread(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise TypeError(error)
    return await _refused(request, InvalidRequestError(query_problems(error.errors())))


async def _unrouted(request: Request, error: Exception) -> Response:
    if not isinstance(error, HttpError):
        raise TypeError(error)
    code = _CODES.get(error.status_code, "refused")
    phrase = f"{HTTPStatus(error.status_code).phrase}."
    body = problem_body(error.status_code, code, phrase, request.state.request_id)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return Response(body, error.status_code, headers, PROBLEM_TYPE)


def _methods(request: Request) -> set[str]:
    """Return what a path allows; the router itself knows of the first route with the path only."""
    routes = chain(request.app.routes, *(router.routes for router in _ROUTERS))
    return {
        method
        for route in routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is Match.PARTIAL
        for method in route.methods or ()
    }


async def _failed(request: Request, _: Exception) -> Response:
    # Logged at the edge, where the error goes on to.
    return Response(internal_error_body(request.state.request_id), 500, {}, PROBLEM_TYPE)
