"""A run's events as they happen, across lost connections."""

from __future__ import annotations

import time
from random import SystemRandom
from typing import TYPE_CHECKING, get_args

import httpx2
from pydantic_core import from_json

from service.client.errors import ApiError, UnreachableError
from service.client.request import Request, get, segment
from service.client.transport import parse
from service.schemas.events import Event, EventType
from service.schemas.runs import TERMINAL, Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.client.transport import Transport

# The service says something at least every 15 s; three such silences are a dead connection.
SILENCE_S = 45.0
# Patient enough for a server that its supervisor brings back after half a minute.
MAX_FAILURES = 12
MAX_PAUSE_S = 5.0

_PASSING_STATUSES = frozenset((408, 429, 502, 503, 504))
_KNOWN_TYPES = frozenset(get_args(EventType))
_random = SystemRandom()


def live_events(transport: Transport, run_id: str, after: int) -> Iterator[Event]:
    """Yield each event behind number `after` once, in order, until the run has ended.

    A connection that is lost is opened again behind the last event seen. Events of types that
    this client does not know are left out.

    Raises:
        ApiError: the service refused, such as for an unknown run.
        UnreachableError: `MAX_FAILURES` connections in a row brought no event.
    """
    failures = 0
    has_ended = False
    while True:
        seen = after
        try:
            for event in _one_connection(transport, run_id, after):
                after, failures = event.seq, 0
                yield event
                if event.type == "run.status_changed" and event.data["to"] in TERMINAL:
                    return
            # Ended by the server: the run is over, or the server is going down. Only a
            # connection opened after the run's end can prove that nothing is left to come.
            if has_ended and after == seen:
                return
            has_ended = _has_ended(transport, run_id)
            pause_s = 0.0 if has_ended else _backoff_s(transport, 0)
        except (UnreachableError, ApiError) as error:
            failures += 1
            if failures >= MAX_FAILURES or not _may_pass(error):
                raise
            pause_s = getattr(error, "retry_after_s", None) or _backoff_s(transport, failures)
        time.sleep(min(pause_s, MAX_PAUSE_S))


def _one_connection(transport: Transport, run_id: str, after: int) -> Iterator[Event]:
    request = Request(
        method="GET",
        path=f"/v1/runs/{segment(run_id)}/events",
        headers={"Accept": "text/event-stream", "Last-Event-ID": str(after)},
    )
    with transport.stream(request, silence_s=SILENCE_S) as response:
        for message in httpx2.EventSource(response):
            if not message.data or from_json(message.data).get("type") not in _KNOWN_TYPES:
                continue
            event = parse(Event, message.data.encode())
            if event.seq > after:
                after = event.seq
                yield event


def _has_ended(transport: Transport, run_id: str) -> bool:
    return transport.read(get(f"/v1/runs/{segment(run_id)}"), Run).status in TERMINAL


def _may_pass(error: UnreachableError | ApiError) -> bool:
    return isinstance(error, UnreachableError) or error.status in _PASSING_STATUSES


def _backoff_s(transport: Transport, failures: int) -> float:
    """Return a pause of its own for every client, so that they do not all come back at once."""
    longest_s = min(MAX_PAUSE_S, transport.patience.backoff_s * 2**failures)
    return _random.uniform(longest_s / 2, longest_s)
