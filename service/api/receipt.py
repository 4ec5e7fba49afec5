"""Deadlines of a connection: who sends or receives too slowly does not hold it.

uvicorn waits for ever for the rest of a request (slowloris), and for a receiver to take its answer.
This protocol gives each request `request_s` from its first byte, or from the connection's opening,
to its last; an upload gets `upload_s` once its head has come. A receiver that takes nothing for
`stall_s` while an answer waits is cut off.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.api.errors import PROBLEM_TYPE, problem_body

if TYPE_CHECKING:
    import asyncio

MAX_HEAD_BYTES = 16 * 1024


@dataclass(frozen=True)
class ReceiptTimes:
    """Seconds that a sender has, `upload_s` on the one route of large bodies, and a receiver."""

    request_s: float = 10.0
    upload_s: float = 300.0
    stall_s: float = 60.0


class DeadlineProtocol(HttpToolsProtocol):
    """HTTP/1.1 with a deadline for the request, a bound on its head, and problem answers.

    What it needs of the application comes in the lifespan's state: `receipt` (ReceiptTimes) and
    `close` (called when the server begins to shut down, so that streams end).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._times: ReceiptTimes = self.app_state.get("receipt", ReceiptTimes())
        self._deadline: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first request its time."""
        super().connection_made(transport)
        self._arm(self._times.request_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._disarm()
        self._end_stall()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; the first of a further request starts its time."""
        if self._deadline is None and (self.cycle is None or not self.cycle.more_body):
            self._arm(self._times.request_s)
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Start counting the head."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count the request line."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        self._count_head(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Give an upload its longer time."""
        super().on_headers_complete()
        if self.scope["method"] == "POST" and self.scope["path"] == "/v1/datasets":
            self._arm(self._times.upload_s)

    def on_message_complete(self) -> None:
        """The request is here: its deadline is met."""
        self._disarm()
        super().on_message_complete()
        if self.cycle is not None and self.cycle.response_complete:
            # Its body came after its answer, and ended uvicorn's wait for the next request.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def pause_writing(self) -> None:
        """The receiver takes less than the answer gives: give it some time."""
        super().pause_writing()
        self._stall = self.loop.call_later(self._times.stall_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The receiver has caught up."""
        self._end_stall()
        super().resume_writing()

    def shutdown(self) -> None:
        """Let streams end before the server waits for them."""
        close = self.app_state.get("close")
        if close is not None:
            close()
        super().shutdown()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words are not ours
        """Refuse what is not HTTP, or whose head is too large."""
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(431, "headers_too_large", f"At most {MAX_HEAD_BYTES} bytes of headers.")
        else:
            self._refuse(400, "bad_http", "This is not an HTTP request.")

    def _count_head(self, n_bytes: int) -> None:
        self._head_bytes += n_bytes
        if self._head_bytes > MAX_HEAD_BYTES:
            # The parser hands this on as its own error, which ends in `send_400_response`.
            raise ValueError("the head is too large")

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _expire(self) -> None:
        self._deadline = None
        self._refuse(408, "request_timeout", "The request did not arrive in time.")

    def _refuse(self, status: int, code: str, detail: str) -> None:
        is_answering = bool(self.pipeline) or (
            self.cycle is not None
            and (self.cycle.response_started or not self.cycle.more_body)
            and not self.cycle.response_complete
        )
        # An answer that has begun is not mixed with another one.
        if not is_answering and not self.transport.is_closing():
            self.transport.write(_answer(status, code, detail))
        self.transport.close()


def _answer(status: int, code: str, detail: str) -> bytes:
    request_id = new_request_id()
    body = problem_body(status, code, detail, request_id)
    head = [
        f"content-type: {PROBLEM_TYPE}",
        f"content-length: {len(body)}",
        f"x-request-id: {request_id}",
        "connection: close",
    ]
    return STATUS_LINE[status] + "\r\n".join(head).encode("ascii") + b"\r\n\r\n" + body


def new_request_id() -> str:
    """Return an id for one request, for its answer and its log lines."""
    return f"req_{secrets.token_hex(12)}"
