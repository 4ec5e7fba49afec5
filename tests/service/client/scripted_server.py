"""A real HTTP server on a loopback port that answers from a script and remembers every request."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections import defaultdict, deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from pydantic_core import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Answer:
    """What to send back; `cut` closes the connection behind the body, as a crash would."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class Received:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedServer:
    """Answers of a route are used up in order; the last one stays."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[Received] = []
        self._script: dict[tuple[str, str], deque[Answer]] = defaultdict(deque)

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self._script[method, path].extend(answers)

    def answer(self, request: Received) -> Answer:
        self.received.append(request)
        answers = self._script[request.method, request.path]
        if not answers:
            return problem(404, "not_found")
        return answers.popleft() if len(answers) > 1 else answers[0]

    def count(self, method: str, path: str) -> int:
        return sum((r.method, r.path) == (method, path) for r in self.received)


def problem(status: int, code: str, **more: Any) -> Answer:
    body = {"type": f"urn:slope:{code}", "title": code, "status": status, "code": code}
    body |= {"detail": f"It is {code}.", "errors": [], "request_id": "req-1"}
    headers = more.pop("headers", {}) | {"Content-Type": "application/problem+json"}
    return Answer(body | more, status=status, headers=headers)


def sse(*events: Any, cut: bool = False) -> Answer:
    """A stream of events by their `seq`; ended properly, or cut off."""
    text = ": keep-alive\n\n"
    for event in events:
        data = to_json(event).decode()
        text += f"id: {json.loads(data)['seq']}\nevent: message\ndata: {data}\n\n"
    return Answer(text.encode(), headers={"Content-Type": "text/event-stream"}, cut=cut)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that left in the middle: some tests are about them."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: ScriptedServer

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        request = Received(
            method=self.command,
            path=parts.path,
            query={name: values[-1] for name, values in parse_qs(parts.query).items()},
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self._read_body(),
        )
        answer = self.script.answer(request)
        if answer.body is None and answer.cut:
            self._cut()
            return
        self._write(answer)

    do_GET = do_POST = do_DELETE = do_PUT = _serve  # noqa: N815 - the names http.server calls

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _write(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else to_json(answer.body)
        self.send_response_only(answer.status)
        for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        if answer.cut:
            self._cut()
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _cut(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        with suppress(OSError):  # the client may have left first
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: the server remembers instead."""


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    http = _Server(("127.0.0.1", 0), _Handler)
    script = ScriptedServer(f"http://127.0.0.1:{http.server_address[1]}")
    http.RequestHandlerClass = type("Handler", (_Handler,), {"script": script})
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
