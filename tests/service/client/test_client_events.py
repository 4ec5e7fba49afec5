from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest

from service.client import Client, NotFoundError, UnreachableError
from service.client.streams import MAX_FAILURES
from tests.service.client import wire_examples as wire
from tests.service.client.scripted_server import Answer, problem, sse

if TYPE_CHECKING:
    from tests.service.client.scripted_server import ScriptedServer

RUN = f"/v1/runs/{wire.RUN_ID}"
EVENTS = f"{RUN}/events"


def _last_ids(server: ScriptedServer) -> list[str]:
    return [r.headers["last-event-id"] for r in server.received if r.path == EVENTS]


def test_events_come_to_the_final_status(server: ScriptedServer, client: Client) -> None:
    server.on("GET", EVENTS, sse(wire.status_event(1, "running"), wire.status_event(2, "failed")))
    assert [event.seq for event in client.runs.events(wire.RUN_ID)] == [1, 2]
    assert server.received[0].headers["accept"] == "text/event-stream"
    assert len(server.received) == 1


def test_a_lost_connection_goes_on_behind_the_last_event(
    server: ScriptedServer, client: Client
) -> None:
    server.on(
        "GET",
        EVENTS,
        sse(wire.status_event(1, "running"), wire.epoch_event(2, 1), cut=True),
        Answer(cut=True),
        problem(503, "unavailable"),
        sse(wire.epoch_event(2, 1), wire.epoch_event(3, 2), cut=True),
        sse(wire.status_event(4, "succeeded")),
    )
    assert [event.seq for event in client.runs.events(wire.RUN_ID)] == [1, 2, 3, 4]
    assert _last_ids(server) == ["0", "2", "2", "2", "3"]


def test_a_stream_that_a_leaving_server_ends_is_opened_again(
    server: ScriptedServer, client: Client
) -> None:
    server.on("GET", RUN, Answer(wire.run("running")))
    server.on("GET", EVENTS, sse(wire.epoch_event(1, 1)), sse(wire.status_event(2, "cancelled")))
    assert [event.seq for event in client.runs.events(wire.RUN_ID)] == [1, 2]


def test_a_run_that_ended_before_ends_the_stream(server: ScriptedServer, client: Client) -> None:
    server.on("GET", RUN, Answer(wire.run("succeeded")))
    server.on("GET", EVENTS, sse())
    assert list(client.runs.events(wire.RUN_ID, after=9)) == []
    assert _last_ids(server) == ["9", "9"]


def test_the_end_that_falls_between_two_connections_is_not_missed(
    server: ScriptedServer, client: Client
) -> None:
    server.on("GET", RUN, Answer(wire.run("succeeded")))
    server.on("GET", EVENTS, sse(), sse(wire.status_event(1, "succeeded")))
    assert [event.seq for event in client.runs.events(wire.RUN_ID)] == [1]


def test_events_of_unknown_types_are_left_out(server: ScriptedServer, client: Client) -> None:
    novelty = wire.event(1, "gradient.exploded")
    server.on("GET", EVENTS, sse(novelty, wire.status_event(2, "succeeded")))
    assert [event.seq for event in client.runs.events(wire.RUN_ID)] == [2]


def test_an_unknown_run_has_no_events(server: ScriptedServer, client: Client) -> None:
    with pytest.raises(NotFoundError):
        list(client.runs.events("run_unknown"))
    assert len(server.received) == 1


def test_a_service_that_stays_away_is_told(server: ScriptedServer) -> None:
    server.on("GET", EVENTS, sse(wire.epoch_event(1, 1), cut=True), Answer(cut=True))
    with Client(server.url, backoff_s=0.0001) as client:
        events = client.runs.events(wire.RUN_ID)
        assert next(events).seq == 1
        with pytest.raises(UnreachableError):
            next(events)
    assert len(server.received) == MAX_FAILURES


def test_a_reader_may_leave_early(server: ScriptedServer, client: Client) -> None:
    server.on("GET", EVENTS, sse(*[wire.epoch_event(n, n) for n in range(1, 9)]))
    events = client.runs.events(wire.RUN_ID)
    assert [event.seq for event in islice(events, 2)] == [1, 2]
    events.close()  # type: ignore[attr-defined]
