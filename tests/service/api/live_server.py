"""The application behind a real uvicorn socket, in a thread of the test's own process."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Self

import uvicorn

from service.api.server import SERVER

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_START_S = 10.0


class LiveServer:
    """Serves for the length of a `with` block."""

    def __init__(self, app: ASGIApp) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._server = uvicorn.Server(uvicorn.Config(app, timeout_graceful_shutdown=5, **SERVER))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    def __enter__(self) -> Self:
        self._thread.start()
        end_s = time.monotonic() + _START_S
        while not self._server.started:
            if time.monotonic() > end_s:
                raise TimeoutError("the server does not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> float:
        """End the server in order; return the seconds it took."""
        started_s = time.monotonic()
        self._server.should_exit = True
        self._thread.join(15.0)
        self._socket.close()
        return time.monotonic() - started_s

    def connect(self) -> socket.socket:
        """Return an open connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10.0)


def exchange(server: LiveServer, data: bytes) -> bytes:
    """Send bytes and return everything that comes back until the server closes."""
    with server.connect() as connection:
        connection.sendall(data)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    chunks = []
    while chunk := connection.recv(65_536):
        chunks.append(chunk)
    return b"".join(chunks)
