"""Every error as an RFC 9457 problem: one table of statuses, one form of answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import orjson

from service.errors import (
    MAX_PROBLEMS,
    ConflictError,
    ForbiddenError,
    IntegrityError,
    InvalidRequestError,
    LeaseLostError,
    MalformedBodyError,
    MalformedParameterError,
    NotBuiltError,
    NotFoundError,
    Problem,
    QuotaExceededError,
    SlopeError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedMediaError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

PROBLEM_TYPE = "application/problem+json"

STATUSES: dict[type[SlopeError], int] = {
    InvalidRequestError: 422,
    MalformedBodyError: 400,
    MalformedParameterError: 400,
    NotBuiltError: 422,
    UnsupportedMediaError: 415,
    TooLargeError: 413,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    QuotaExceededError: 429,
    UnavailableError: 503,
    LeaseLostError: 409,
    IntegrityError: 500,
}

TITLES = {
    400: "Malformed request",
    401: "Not authenticated",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    408: "Request not received in time",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid request",
    429: "Too many requests",
    431: "Header fields too large",
    500: "Internal error",
    503: "Unavailable",
}

Headers = dict[str, str]


def status_of(error: SlopeError) -> int:
    """Return the HTTP status of an error; a subclass without its own takes its parent's."""
    for cls in type(error).__mro__:
        if cls in STATUSES:
            return STATUSES[cls]
    return 500


def headers_of(error: SlopeError) -> Headers:
    """Return the headers that an error's answer must carry."""
    if isinstance(error, QuotaExceededError | UnavailableError):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after_s)))}
    if isinstance(error, UnauthenticatedError):
        return {"WWW-Authenticate": "Bearer"}
    return {}


def body_of(error: SlopeError, request_id: str) -> bytes:
    """Return the problem document of an error."""
    status = status_of(error)
    problems = error.problems if isinstance(error, InvalidRequestError) else ()
    # A defect of ours is described in the log; its answer says no more than that there is one.
    detail = error.detail if status < 500 or isinstance(error, UnavailableError) else _INTERNAL
    return problem_body(status, error.code, detail, request_id, problems)


def problem_body(
    status: int, code: str, detail: str, request_id: str, problems: Sequence[Problem] = ()
) -> bytes:
    """Return a problem document with everything that is wrong, at most `MAX_PROBLEMS`."""
    document = {
        "type": f"urn:slope:problem:{code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
        "errors": [_item(problem) for problem in problems[:MAX_PROBLEMS]],
        "request_id": request_id,
    }
    return orjson.dumps(document)


def internal_error_body(request_id: str) -> bytes:
    """Return the answer to a defect: nothing of what happened, only where to look it up."""
    return problem_body(500, "internal_error", _INTERNAL, request_id)


_INTERNAL = "Something went wrong here. Quote the request id when you report it."


def _item(problem: Problem) -> dict[str, Any]:
    item: dict[str, Any] = {
        "pointer": problem.pointer,
        "code": problem.code,
        "detail": problem.detail,
    }
    if problem.limit is not None:
        item["limit"] = problem.limit
    return item
