"""The feed of events: one poller of the database for all listeners of this process."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.concurrency import run_in_threadpool

from service.errors import QuotaExceededError, UnavailableError
from service.schemas.runs import TERMINAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from service.schemas.events import Event
    from service.usecases.events import Events

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
_PAUSE_SECONDS = 2.0

# What waits for one reader at most. Five hundred readers that stopped reading then hold some
# twenty-five megabytes, if each follows a run of its own.
BATCH = 100
# Proxies close a connection on which nothing is said, many after a minute.
_SIGN_OF_LIFE_S = 15.0
# What one look at the database brings, whoever has how much to catch up with.
_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it is sent: written once, however many listen."""

    seq: int
    data: bytes
    is_final: bool

    @classmethod
    def of(cls, event: Event) -> Told:
        """Write an event down."""
        is_final = event.type == "run.status_changed" and event.data.get("to") in TERMINAL
        text = event.model_dump_json()
        data = format_sse_event(id=str(event.seq), event=event.type, data_str=text)
        return cls(event.seq, data, is_final)


class Listener:
    """One reader of one run's events, from a position on; iterating ends after the final one."""

    def __init__(self, run_id: str, after: int, *, owner: str, is_over: bool) -> None:
        self.run_id = run_id
        self.owner = owner
        self.position = after
        self.is_over = is_over
        """Whether the run has ended: what is there now is all that will come."""
        self._waiting: asyncio.Queue[Sequence[Told]] = asyncio.Queue()

    @property
    def is_hungry(self) -> bool:
        """Whether everything given was taken; a slow reader is fed no faster than it reads."""
        return self._waiting.empty()

    def give(self, events: Sequence[Told] | None) -> None:
        """Hand over what is new; None when the run is gone."""
        new = [event for event in events or () if event.seq > self.position]
        if new:
            self.position = new[-1].seq
            self._waiting.put_nowait(new)
        if events is None or (not events and self.is_over):
            self.end()

    def end(self) -> None:
        """Let the iteration end."""
        self._waiting.put_nowait(())

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Wait for events, in order, as many at once as there are; a sign of life meanwhile."""
        while True:
            try:
                async with asyncio.timeout(_SIGN_OF_LIFE_S):
                    events = await self._waiting.get()
            except TimeoutError:
                yield KEEPALIVE_COMMENT
                continue
            if not events:
                return
            yield b"".join(event.data for event in events)
            if events[-1].is_final:
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
                is_behind = await self._poll()
                # Who has more to catch up with is not made to wait, only to take turns.
                await asyncio.sleep(0.0 if is_behind else POLL_SECONDS)
            except UnavailableError:
                log.warning("The database does not answer; streams of events wait.")
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _poll(self) -> bool:
        """Hand round what is new; tell whether there is more of it."""
        hungry = [listener for listener in self._listeners if listener.is_hungry]
        cursors: dict[str, int] = {}
        for listener in hungry:
            lowest = cursors.get(listener.run_id, listener.position)
            cursors[listener.run_id] = min(lowest, listener.position)
        if not cursors:
            return False
        share = max(1, min(BATCH, _AT_ONCE // len(cursors)))
        news = await run_in_threadpool(self._news, cursors, share)
        for listener in hungry:
            listener.give(news.get(listener.run_id))
        return any(len(events) == share for events in news.values())

    def _news(self, cursors: Mapping[str, int], share: int) -> Mapping[str, Sequence[Told]]:
        news = self._events.since(cursors, per_run=share)
        return {run_id: [Told.of(event) for event in events] for run_id, events in news.items()}
