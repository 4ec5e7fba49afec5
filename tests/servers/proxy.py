"""A TCP proxy on loopback whose connections can be broken as a network breaks them."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

Mode = Literal["pass", "mute", "blackhole"]

_CHUNK_BYTES = 65_536


class _Link:
    """One connection of a client, and ours to the server on its behalf."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter | None) -> None:
        self.writers = [client] if server is None else [client, server]
        self.order: _Cut | None = None
        """What to obey at the next answer."""

    def close(self) -> None:
        for writer in self.writers:
            writer.close()

    def reset(self) -> None:
        for writer in self.writers:
            # Not closed in order: nothing more arrives on either side.
            writer.transport.abort()

    async def end(self) -> None:
        self.close()
        for writer in self.writers:
            with suppress(OSError):
                await writer.wait_closed()


@dataclass
class _Cut:
    """Requests to wait for, one after the other on a connection; it is cut then."""

    patterns: tuple[bytes, ...]
    is_answered: bool
    done: threading.Event = field(default_factory=threading.Event)
    n_seen: dict[_Link, int] = field(default_factory=dict)

    def is_due(self, link: _Link, data: bytes) -> bool:
        """Take notice of a request; tell whether it was the last one waited for."""
        n = self.n_seen.get(link, 0)
        while n < len(self.patterns) and self.patterns[n] in data:
            data = data.partition(self.patterns[n])[2]
            n += 1
        self.n_seen[link] = n
        return n == len(self.patterns)

    def obey(self, link: _Link) -> None:
        link.reset()
        self.done.set()


class Proxy:
    """Passes on what comes, until it is told otherwise.

    `mute()` passes requests on and loses the answers; `blackhole()` loses both and lets new
    connections stand without an answer. `heal()` resets every connection and passes again.
    """

    def __init__(self, port: int) -> None:
        """Listen on a free port, for a server on this one."""
        self._target = port
        self._mode: Mode = "pass"
        self._cut: _Cut | None = None
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port = int(self._server.sockets[0].getsockname()[1])

    def mute(self) -> None:
        """Pass requests on, lose their answers."""
        self._mode = "mute"

    def blackhole(self) -> None:
        """Lose whatever comes; no connection ends by it."""
        self._mode = "blackhole"

    def cut_at(self, *patterns: bytes, is_answered: bool = True) -> threading.Event:
        """Cut the next connection on which these were sent one after the other.

        Args:
            patterns: parts of requests.
            is_answered: whether the server gets, and answers, the last one before.

        Returns:
            What is set once the connection was cut.
        """
        self._cut = _Cut(patterns, is_answered)
        return self._cut.done

    def heal(self) -> None:
        """Reset every connection and pass again."""
        self._mode, self._cut = "pass", None
        self._call(self._reset)

    def close(self) -> None:
        """End everything."""
        self._call(self._server.close)
        self._call(self._reset)
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, function: Callable[[], object]) -> None:
        async def call() -> None:
            function()

        asyncio.run_coroutine_threadsafe(call(), self._loop).result()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _end(self) -> None:
        me = asyncio.current_task()
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not me))

    def _reset(self) -> None:
        for link in self._links:
            link.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, onward = None, None
        if self._mode != "blackhole":
            try:
                answers, onward = await asyncio.open_connection("127.0.0.1", self._target)
            except OSError:
                writer.transport.abort()
                return
        link = _Link(writer, onward)
        self._links.add(link)
        pumps: list[Any] = [self._pump(reader, onward, link, self._passes_request)]
        if answers is not None:
            pumps.append(self._pump(answers, writer, link, self._passes_reply))
        await asyncio.gather(*pumps)
        self._links.discard(link)
        await link.end()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter | None,
        link: _Link,
        passes: Callable[[_Link, bytes], bool],
    ) -> None:
        with suppress(OSError):
            while data := await source.read(_CHUNK_BYTES):
                if passes(link, data) and sink is not None:
                    sink.write(data)
                    await sink.drain()
        if self._mode == "pass":
            link.close()

    def _passes_request(self, link: _Link, data: bytes) -> bool:
        cut = self._cut
        if cut is None or not cut.is_due(link, data):
            return self._mode != "blackhole"
        self._cut = None
        if cut.is_answered:
            link.order = cut
        else:
            cut.obey(link)
        return cut.is_answered

    def _passes_reply(self, link: _Link, _: bytes) -> bool:
        if link.order is not None:
            link.order.obey(link)
            return False
        return self._mode == "pass"
