"""The way to the service and back, walked again where that is safe."""

from __future__ import annotations

import ipaddress
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import httpx2
import stamina
from pydantic import BaseModel, ValidationError

from service.client.errors import (
    ApiError,
    UnexpectedAnswerError,
    UnreachableError,
    error_from,
)
from service.client.request import IDEMPOTENCY_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.client.request import Form, Request

M = TypeVar("M", bound=BaseModel)

CONNECT_TIMEOUT_S = 5.0
MAX_BACKOFF_S = 8.0
# A service that asks for more patience than this is told about instead of waited for.
MAX_RETRY_AFTER_S = 60.0

_REPEATED_STATUSES = frozenset((408, 429, 502, 503, 504))


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for an answer, how often and after what pause to ask again."""

    timeout_s: float
    max_retries: int
    backoff_s: float


class Transport:
    """One pool of connections to one service; safe to share between threads."""

    def __init__(self, base_url: str, api_key: str | None, patience: Patience) -> None:
        url = httpx2.URL(base_url)
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(f"not the address of a service: {base_url!r}")
        headers = {"User-Agent": "slope-client"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self.base_url = base_url.rstrip("/")
        self.patience = patience
        self._http = httpx2.Client(
            base_url=self.base_url,
            headers=headers,
            timeout=httpx2.Timeout(
                patience.timeout_s, connect=min(CONNECT_TIMEOUT_S, patience.timeout_s)
            ),
            # A proxy for the world is seldom meant for a service on this machine.
            trust_env=not is_loopback(url.host),
        )

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def send(self, request: Request) -> httpx2.Response:
        """Return the answer, its body read.

        Raises:
            ApiError: the service refused.
            UnreachableError: no answer came.
        """
        for attempt in stamina.retry_context(
            on=_pause_before_next,
            attempts=1 + (self.patience.max_retries if request.is_repeatable else 0),
            timeout=None,
            wait_initial=self.patience.backoff_s,
            wait_max=MAX_BACKOFF_S,
            wait_jitter=self.patience.backoff_s / 2,
        ):
            with attempt:
                return self.send_once(request)
        raise AssertionError("the last attempt returns or raises")

    def read(self, request: Request, answer: type[M]) -> M:
        """Return the answer as a wire model."""
        return parse(answer, self.send(request).content)

    @contextmanager
    def stream(self, request: Request, *, silence_s: float) -> Iterator[httpx2.Response]:
        """Open an answer that goes on; after `silence_s` without a byte it counts as lost.

        Asked once: only the reader knows from where to ask again.
        """
        with self._told_as_unreachable(), ExitStack() as stack:
            message = self._build(request, stack)
            message.extensions["timeout"] |= {"read": silence_s}
            response = self._http.send(message, stream=True)
            stack.callback(response.close)
            if not response.is_success:
                response.read()
                raise error_from(response)
            yield response

    def send_once(self, request: Request) -> httpx2.Response:
        """Return the answer, or the lack of one, of a single attempt."""
        with self._told_as_unreachable(), ExitStack() as stack:
            response = self._http.send(self._build(request, stack))
        if not response.is_success:
            raise error_from(response)
        return response

    def _build(self, request: Request, stack: ExitStack) -> httpx2.Request:
        headers = dict(request.headers)
        form = request.form
        if form is not None:
            # The same bytes in every attempt, boundary included, are the same request to whoever
            # compares them by their digest.
            boundary = headers.get(IDEMPOTENCY_KEY, "slope")
            headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
        return self._http.build_request(
            request.method,
            request.path,
            params={name: value for name, value in request.params.items() if value is not None},
            headers=headers,
            content=request.content,
            data=None if form is None else dict(form.fields),
            files=None if form is None else {"file": (form.filename, _open(form, stack))},
        )

    @contextmanager
    def _told_as_unreachable(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            raise UnreachableError(self.base_url, reason) from error


def is_loopback(host: str) -> bool:
    """Tell whether a host name means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse(answer: type[M], content: bytes) -> M:
    """Read a wire model strictly, but leave out fields that a newer service has added.

    Raises:
        UnexpectedAnswerError: a known field is missing or has another meaning.
    """
    try:
        return answer.model_validate_json(content, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "its body"
        raise UnexpectedAnswerError(
            f"cannot read the answer as {answer.__name__}: {where}: {first['msg']}; "
            "is the service newer than this client?"
        ) from error


def _pause_before_next(error: Exception) -> bool | float:
    """Say whether to ask again; a number is the pause in seconds that the service asked for."""
    if isinstance(error, UnreachableError):
        return True
    if not isinstance(error, ApiError):
        return False
    # Any other conflict would meet the same state again.
    if error.status not in _REPEATED_STATUSES and error.code != "idempotency_in_flight":
        return False
    if error.retry_after_s is None:
        return True
    return error.retry_after_s if error.retry_after_s <= MAX_RETRY_AFTER_S else False


def _open(form: Form, stack: ExitStack) -> bytes | BinaryIO:
    if isinstance(form.file, Path):
        return stack.enter_context(form.file.open("rb"))
    return form.file
