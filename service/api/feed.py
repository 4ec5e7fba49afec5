"""The feed of events: one poller of the database for all listeners of this process."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from service.errors import QuotaExceededError, UnavailableError
from service.schemas.runs import TERMINAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from service.schemas.events import Event
    from service.usecases.events import Events

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
_PAUSE_SECONDS = 2.0


class Listener:
    """One reader of one run's events, from a position on; iterating ends after the final one."""

    def __init__(self, run_id: str, after: int, *, owner: str, is_over: bool) -> None:
        self.run_id = run_id
        self.owner = owner
        self.position = after
        self.is_over = is_over
        """Whether the run has ended: what is there now is all that will come."""
        self._waiting: asyncio.Queue[Event | None] = asyncio.Queue()

    @property
    def is_hungry(self) -> bool:
        """Whether everything given was taken; a slow reader is fed no faster than it reads."""
        return self._waiting.empty()

    def give(self, events: Sequence[Event] | None) -> None:
        """Hand over what is new; None when the run is gone."""
        for event in events or ():
            if event.seq > self.position:
                self.position = event.seq
                self._waiting.put_nowait(event)
        if events is None or (not events and self.is_over):
            self.end()

    def end(self) -> None:
        """Let the iteration end."""
        self._waiting.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Wait for events, in order."""
        while (event := await self._waiting.get()) is not None:
            yield event
            if _is_final(event):
                return


class EventFeed:
    """Asks for what is new since each listener's position and hands it round."""

    def __init__(self, events: Events, max_listeners: int, max_per_owner: int) -> None:
        self._events = events
        self._max_listeners = max_listeners
        self._max_per_owner = max_per_owner
        self._listeners: set[Listener] = set()
        self._wake = asyncio.Event()
        self._is_closed = False

    @contextmanager
    def listen(self, run_id: str, after: int, *, owner: str, is_over: bool) -> Iterator[Listener]:
        """Register a listener for the block."""
        listener = Listener(run_id, after, owner=owner, is_over=is_over)
        if self._is_closed:
            listener.end()
        self._listeners.add(listener)
        self._wake.set()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def check_room(self, owner: str) -> None:
        """Refuse one listener more than there is room for, in all or for one owner.

        Raises:
            QuotaExceededError: `too_many_streams`.
        """
        n_owned = sum(listener.owner == owner for listener in self._listeners)
        for n_open, limit in (
            (n_owned, self._max_per_owner),
            (len(self._listeners), self._max_listeners),
        ):
            if n_open >= limit:
                detail = f"At most {limit} streams of events at once."
                raise QuotaExceededError("too_many_streams", detail, retry_after_s=5)

    def close(self) -> None:
        """End every stream: the server is going, and would wait for them."""
        self._is_closed = True
        self._wake.set()
        for listener in self._listeners:
            listener.end()

    async def run(self) -> None:
        """Poll while anybody listens, until closed."""
        while not self._is_closed:
            if not self._listeners:
                self._wake.clear()
                await self._wake.wait()
            try:
                await self._poll()
                await asyncio.sleep(POLL_SECONDS)
            except UnavailableError:
                log.warning("The database does not answer; streams of events wait.")
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _poll(self) -> None:
        hungry = [listener for listener in self._listeners if listener.is_hungry]
        cursors: dict[str, int] = {}
        for listener in hungry:
            lowest = cursors.get(listener.run_id, listener.position)
            cursors[listener.run_id] = min(lowest, listener.position)
        if cursors:
            news = await run_in_threadpool(self._events.since, cursors)
            for listener in hungry:
                listener.give(news.get(listener.run_id))


def _is_final(event: Event) -> bool:
    return event.type == "run.status_changed" and event.data.get("to") in TERMINAL
