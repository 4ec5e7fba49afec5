"""The prediction lane: a plain ASGI application in front of the routed one.

Routing, dependencies and response models cost several times what a prediction of one row does.
The same path is a route as well, which documents it and answers every other method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.api.predicting import predict

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from service.api.parts import Parts

_BEFORE = "/v1/models/"
_AFTER = "/predict"


class FastLane:
    """Answers predictions; everything else goes on to the application behind."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what it raises is answered by the edge."""
        ref = _reference(scope)
        if ref is None:
            await self._app(scope, receive, send)
            return
        body = await predict(self._parts, scope, receive, ref)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _reference(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    path: str = scope["path"]
    if not path.startswith(_BEFORE) or not path.endswith(_AFTER):
        return None
    ref = path[len(_BEFORE) : -len(_AFTER)]
    return ref if ref and "/" not in ref else None
