"""Reading the body of a request: what it says it is, its size, its JSON, its model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import orjson
from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from service.api import strict_json
from service.api.validation import problems_of
from service.errors import (
    InvalidRequestError,
    MalformedParameterError,
    Problem,
    TooLargeError,
    UnsupportedMediaError,
)

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import Receive, Scope

    from service.settings import Limits

M = TypeVar("M", bound=BaseModel)

UPLOAD_PATH = "/v1/datasets"
# Beside the file itself: names, options, boundaries of a multipart body.
UPLOAD_EXTRA_BYTES = 2 * 2**20
# From here on, reading a body would hold up the other requests of the event loop.
_LARGE_BYTES = 32 * 1024


@dataclass(frozen=True)
class Body(Generic[M]):
    """A body that was read: its model, and what tells two bodies apart."""

    value: M
    fingerprint: str


class Empty(BaseModel):
    """The body of a request that needs none."""

    model_config = {"extra": "forbid"}


def max_body_bytes(path: str, limits: Limits) -> int:
    """Return how large a body of this route may be."""
    if path == UPLOAD_PATH:
        return limits.upload_bytes + UPLOAD_EXTRA_BYTES
    return limits.json_bytes


def check_declared_length(scope: Scope, limits: Limits) -> None:
    """Refuse a body that says itself that it is too large, whether or not a route reads it.

    Raises:
        TooLargeError: over the route's limit.
        MalformedParameterError: a length that is not a number.
    """
    for name, value in scope["headers"]:
        if name == b"content-length":
            if not value.isdigit():
                problem = Problem("/header/Content-Length", "bad_header", "Send a number of bytes.")
                raise MalformedParameterError([problem])
            limit = max_body_bytes(scope["path"], limits)
            if len(value) > 18 or int(value) > limit:
                raise _too_large(limit)


async def receive_body(receive: Receive, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        TooLargeError: over `limit` bytes, found while they come.
        ClientDisconnect: the sender went away.
    """
    chunks: list[bytes] = []
    n_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        n_bytes += len(chunk)
        if n_bytes > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def check_media_type(headers: Headers, allowed: tuple[str, ...]) -> str:
    """Return the media type of the body.

    Raises:
        UnsupportedMediaError: another type, another charset than UTF-8, or a compressed body.
    """
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        detail = "Send the body as it is, without Content-Encoding."
        problem = Problem("/header/Content-Encoding", "content_encoding_unsupported", detail)
        raise UnsupportedMediaError([problem])
    media_type, _, parameters = headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    is_utf8 = not charset.startswith("charset=") or charset == "charset=utf-8"
    if media_type.strip() not in allowed or not is_utf8:
        detail = f"Send {' or '.join(allowed)} in UTF-8."
        problem = Problem("/header/Content-Type", "unsupported_media_type", detail)
        raise UnsupportedMediaError([problem])
    return media_type.strip()


def validated(model: type[M], value: Any) -> M:
    """Return a raw JSON value as a wire model.

    Raises:
        InvalidRequestError: everything that is wrong with it.
    """
    if not isinstance(value, dict):
        raise InvalidRequestError([Problem("", "object_expected", "Send a JSON object.")])
    try:
        # Through JSON once more: strict models take an array as a tuple only from there.
        return model.model_validate_json(orjson.dumps(value))
    except ValidationError as error:
        raise InvalidRequestError(problems_of(error, value)) from None


def json_body(model: type[M], *, is_required: bool = True) -> Any:
    """Return the dependency that reads a JSON body as `model`.

    One that is not required stands for `{}` where there is none.
    """

    async def read(request: Request) -> Body[M]:
        limits: Limits = request.app.state.parts.limits
        if is_required:
            check_media_type(request.headers, ("application/json",))
        raw = await receive_body(request.receive, limits.json_bytes)
        if raw:
            check_media_type(request.headers, ("application/json",))

        def parse() -> Body[M]:
            value = strict_json.read(raw, limits) if raw or is_required else {}
            return Body(validated(model, value), fingerprint(request.url.path, raw))

        return await run_in_threadpool(parse) if len(raw) > _LARGE_BYTES else parse()

    return Depends(read)


async def _read_nothing(request: Request) -> None:
    """Refuse a body that says something to a route that listens to nothing."""
    limits: Limits = request.app.state.parts.limits
    raw = await receive_body(request.receive, limits.json_bytes)
    if raw:
        check_media_type(request.headers, ("application/json",))
        validated(Empty, await run_in_threadpool(strict_json.read, raw, limits))


NoBody = Depends(_read_nothing)


def fingerprint(path: str, *parts: bytes) -> str:
    """Return what tells requests with one Idempotency-Key apart."""
    digest = hashlib.sha256(path.encode())
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError([Problem("", "body_too_large", "The body is too large.", limit)])
