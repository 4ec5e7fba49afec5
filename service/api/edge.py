"""The outermost layer: what every answer carries, whoever made it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from anyio import BrokenResourceError
from starlette.requests import ClientDisconnect

from service.api.bodies import check_declared_length
from service.api.errors import (
    PROBLEM_TYPE,
    body_of,
    headers_of,
    internal_error_body,
    status_of,
)
from service.api.receipt import new_request_id
from service.errors import SlopeError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.settings import Limits

log = logging.getLogger(__name__)

_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
}


class Edge:
    """Names requests, bounds how many run at once, adds headers, keeps defects inside."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self.n_running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or hand the lifespan on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        place = _Place(self)
        answer = _Answer(send, request_id, place)
        try:
            if self.n_running > self._limits.requests_at_once:
                raise UnavailableError("server", retry_after_s=1.0)
            check_declared_length(scope, self._limits)
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            return
        except SlopeError as error:
            if status_of(error) >= 500:
                log.warning("%s refused: %s", request_id, error)
            await answer.problem(status_of(error), body_of(error, request_id), headers_of(error))
        except Exception as error:
            if _is_departure(error):
                return
            log.exception("%s failed: %s %s", request_id, scope["method"], scope["path"][:200])
            await answer.problem(500, internal_error_body(request_id), {})
        finally:
            place.leave()


def _is_departure(error: BaseException) -> bool:
    """Whether all that went wrong is that the receiver of a stream had left."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_departure, error.exceptions))
    return isinstance(error, BrokenResourceError | ClientDisconnect)


class _Place:
    """A request's place among those that run at once; taken when made, left once."""

    def __init__(self, edge: Edge) -> None:
        self._edge: Edge | None = edge
        edge.n_running += 1

    def leave(self) -> None:
        """Make room for another request."""
        if self._edge is not None:
            self._edge.n_running -= 1
            self._edge = None


class _Answer:
    """The sending side of one request: adds the headers, knows whether the answer has begun."""

    def __init__(self, send: Send, request_id: str, place: _Place) -> None:
        self._send = send
        self._place = place
        self._request_id = request_id.encode("ascii")
        self._has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._has_begun = True
            headers = list(message.get("headers", ()))
            present = {name.lower() for name, _ in headers}
            headers.extend(item for item in _HEADERS.items() if item[0] not in present)
            headers.append((b"x-request-id", self._request_id))
            message["headers"] = headers
            if _is_stream(headers):
                # It waits rather than runs, for hours, and has a limit of its own.
                self._place.leave()
        await self._send(message)

    async def problem(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Answer with a problem, where nothing has been sent yet."""
        if self._has_begun:
            return
        extra = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        head = [
            (b"content-type", PROBLEM_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            *extra,
        ]
        await self({"type": "http.response.start", "status": status, "headers": head})
        await self._send({"type": "http.response.body", "body": body})


def _is_stream(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in headers
    )
