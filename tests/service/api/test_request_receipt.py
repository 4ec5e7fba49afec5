"""A peer that is slow, silent or not speaking HTTP, over a real socket."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from service.api.receipt import ReceiptTimes
from tests.service.api.conftest import make_api
from tests.service.api.live_server import LiveServer, exchange, read_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.service.api.conftest import Api

RECEIPT_S = 0.5
UPLOAD_S = 1.5


@pytest.fixture(scope="module")
def hasty(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[tuple[Api, LiveServer]]:
    """A server that gives a request half a second."""
    api = make_api(
        tmp_path_factory.mktemp("hasty"),
        sqlite_template,
        request_receipt_seconds=RECEIPT_S,
        upload_receipt_seconds=UPLOAD_S,
    )
    with LiveServer(api.app) as server:
        yield api, server
    api.sessions.dispose()


def _head(api: Api, method: str, path: str, *lines: str) -> bytes:
    head = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {api.key}",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n"


def _problem(answer: bytes) -> dict[str, object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"x-request-id: req_" in head
    found: dict[str, object] = json.loads(body)
    return found


@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: 1"],
    ids=["idle", "half a request line", "half a head"],
)
def test_a_silent_sender_gets_408(hasty: tuple[Api, LiveServer], beginning: bytes) -> None:
    started_s = time.monotonic()
    answer = exchange(hasty[1], beginning)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert _problem(answer)["code"] == "request_timeout"
    assert RECEIPT_S * 0.9 < time.monotonic() - started_s < RECEIPT_S + 1.0


def test_a_trickling_body_gets_408(hasty: tuple[Api, LiveServer]) -> None:
    api, server = hasty
    with server.connect() as connection:
        connection.sendall(
            _head(api, "POST", "/v1/networks", "Content-Type: application/json",
                  "Content-Length: 1000")
        )  # fmt: skip
        started_s = time.monotonic()
        connection.settimeout(RECEIPT_S / 10)
        answer = b""
        while not answer and time.monotonic() - started_s < RECEIPT_S + 1.0:
            connection.sendall(b" ")
            try:
                answer = connection.recv(65_536)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_the_next_request_of_a_connection_has_its_own_time(hasty: tuple[Api, LiveServer]) -> None:
    api, server = hasty
    with server.connect() as connection:
        connection.sendall(_head(api, "GET", "/livez"))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: loc")
        assert read_all(connection).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_comes_after_its_answer_does_not_keep_the_connection(
    hasty: tuple[Api, LiveServer],
) -> None:
    _, server = hasty
    head = b"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(head)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 401 ")
        connection.sendall(b"0123456789")
        # Ends when the server closes; the socket's own timeout fails the test otherwise.
        assert read_all(connection) == b""


def test_an_upload_has_longer(hasty: tuple[Api, LiveServer]) -> None:
    api, server = hasty
    started_s = time.monotonic()
    answer = exchange(
        server,
        _head(api, "POST", "/v1/datasets", "Content-Type: multipart/form-data; boundary=x",
              "Content-Length: 1000"),
    )  # fmt: skip
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - started_s > UPLOAD_S * 0.9


def test_an_answer_may_take_longer_than_the_request(hasty: tuple[Api, LiveServer]) -> None:
    api, server = hasty
    head = {"Authorization": f"Bearer {api.key}"}
    table = "x,y\n" + "1,2\n" * 100_000
    with httpx2.Client(base_url=server.base_url, headers=head) as client:
        answer = client.post("/v1/datasets", files={"file": ("t.csv", table.encode())})
        assert answer.status_code == 201


def test_slow_senders_do_not_hold_up_others(hasty: tuple[Api, LiveServer]) -> None:
    _, server = hasty
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(server.connect()).sendall(b"GET /livez HTTP/1.1\r\nX-")
        started_s = time.monotonic()
        assert httpx2.get(f"{server.base_url}/livez").status_code == 200
        assert time.monotonic() - started_s < 1.0


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 65_536 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"x" * 65_536 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (
            b"POST /v1/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
        ),
        (b"POST /v1/networks HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", b"400"),
        (
            b"POST /v1/networks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"400",
        ),
    ],
    ids=["long header", "long path", "TLS", "two lengths", "negative length", "bad chunk"],
)
def test_what_is_not_http_is_refused(
    hasty: tuple[Api, LiveServer], data: bytes, status: bytes
) -> None:
    answer = exchange(hasty[1], data)
    assert answer.split(b" ")[1] == status
    assert _problem(answer)["status"] == int(status)


def test_junk_behind_a_request_does_not_spoil_its_answer(hasty: tuple[Api, LiveServer]) -> None:
    api, server = hasty
    answer = exchange(server, _head(api, "GET", "/livez", "Connection: close") + b"\0junk\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_receiver_that_takes_nothing_is_cut_off() -> None:
    ended = threading.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65_536
                await asyncio.sleep(0)
        finally:
            ended.set()

    async def endless(_: object) -> Response:
        return StreamingResponse(pieces())

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[dict[str, Any]]:
        yield {"receipt": ReceiptTimes(stall_s=0.3)}

    app = Starlette(routes=[Route("/", endless)], lifespan=lifespan)
    with LiveServer(app) as server, server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert ended.wait(5.0)
