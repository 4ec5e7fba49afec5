"""The one tree of errors that the client raises.

ClientError
├── UnreachableError           no answer: refused, cut off or too slow
├── UnexpectedAnswerError      an answer this version of the client cannot read
├── WaitTimeoutError           the run had not ended in time; it goes on
└── ApiError                   the service refused: status, code, detail, errors, request_id
    ├── InvalidRequestError    400, 413, 415, 422: what was sent cannot be used
    ├── AuthenticationError    401
    ├── PermissionDeniedError  403
    ├── NotFoundError          404
    ├── ConflictError          409
    ├── RateLimitedError       429, with `retry_after_s`
    └── ServerError            500 and above, with `retry_after_s` where the service knows it
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydantic import ValidationError

from service.schemas.wire import ProblemDetails

if TYPE_CHECKING:
    import httpx2

    from service.schemas.runs import Run


class ClientError(Exception):
    """Root of the tree."""


class UnreachableError(ClientError):
    """No answer came: nobody listens there, the connection was cut, or it took too long."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"No answer from {url}: {reason}")
        self.url = url


class UnexpectedAnswerError(ClientError):
    """An answer that is not the service's, or of a service newer than this client."""


class WaitTimeoutError(ClientError):
    """The run had not ended in time; `run` is its last known state, and it goes on."""

    def __init__(self, run: Run, timeout_s: float) -> None:
        super().__init__(f"{run.id} is still {run.status} after {timeout_s:g} s")
        self.run = run


class ApiError(ClientError):
    """The service refused. `errors` point into the request, `request_id` into the server's log."""

    def __init__(self, problem: ProblemDetails, retry_after_s: float | None = None) -> None:
        super().__init__(_describe(problem))
        self.problem = problem
        self.status = problem.status
        self.code = problem.code
        self.detail = problem.detail
        self.errors = problem.errors
        self.request_id = problem.request_id
        self.retry_after_s = retry_after_s


class InvalidRequestError(ApiError):
    """What was sent cannot be used; `errors` says where and why."""


class AuthenticationError(ApiError):
    """No key, or none that is valid."""


class PermissionDeniedError(ApiError):
    """A valid key without the scope."""


class NotFoundError(ApiError):
    """Unknown, or another project's."""


class ConflictError(ApiError):
    """The state of the thing forbids the move."""


class RateLimitedError(ApiError):
    """Too much, or too often."""


class ServerError(ApiError):
    """The service, or what stands before it, cannot answer at present."""


_BY_STATUS: dict[int, type[ApiError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitedError,
}


def error_from(response: httpx2.Response) -> ApiError:
    """Return the error that an answer of 400 and above stands for.

    The body must have been read. One that is no problem of ours, such as a proxy's page, gives
    the code `http_<status>`.
    """
    status = response.status_code
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else InvalidRequestError)
    return kind(_problem(response), _retry_after_s(response))


def _problem(response: httpx2.Response) -> ProblemDetails:
    try:
        return ProblemDetails.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        status = response.status_code
        known = status in set(HTTPStatus)
        title = HTTPStatus(status).phrase if known else "Unknown status"
        return ProblemDetails(
            type="about:blank",
            title=title,
            status=status,
            code=f"http_{status}",
            detail=f"The server answered {status} {title}.",
            request_id=response.headers.get("X-Request-Id", ""),
        )


def _retry_after_s(response: httpx2.Response) -> float | None:
    """Read `Retry-After`: seconds, or a date, which counts from the answer's own `Date`."""
    value = response.headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        due = parsedate_to_datetime(value)
        sent = parsedate_to_datetime(response.headers.get("Date", ""))
        return max(0.0, (due - sent).total_seconds())
    except (TypeError, ValueError):
        return None


def _describe(problem: ProblemDetails) -> str:
    code = f"({problem.status} {problem.code})"
    places = [f"{item.pointer or '/'}: {item.detail}" for item in problem.errors]
    if len(places) == 1:
        return f"{places[0]} {code}"
    return "\n  ".join([f"{problem.detail} {code}", *places])
