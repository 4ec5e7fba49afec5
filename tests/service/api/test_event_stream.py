"""Events live: replay, what happens meanwhile, the end, and everything that ends a stream early."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.service.api.conftest import FLOWERS, make_api
from tests.service.api.live_server import LiveServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.service.api.conftest import Api


@pytest.fixture
def live(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[Api, LiveServer]]:
    """A server of its own, so that it can be ended."""
    api = make_api(tmp_path, sqlite_template, event_streams=3)
    with LiveServer(api.app) as server:
        yield api, server
    api.sessions.dispose()


@contextmanager
def client_of(api: Api, server: LiveServer) -> Iterator[httpx2.Client]:
    """Return a client of the live server with the project's key."""
    headers = {"Authorization": f"Bearer {api.key}"}
    with httpx2.Client(base_url=server.base_url, headers=headers, timeout=20.0) as client:
        yield client


def queue_run(client: httpx2.Client) -> str:
    """Queue a run of thirty epochs; nobody takes it."""
    answer = client.post("/v1/datasets", files={"file": ("flowers.csv", FLOWERS.encode())})
    wish = {
        "dataset_id": answer.json()["id"],
        "target": "kind",
        "network": {"layers": []},
        "training": {"epochs": 30},
    }
    run_id: str = client.post("/v1/runs", json=wish).json()["id"]
    return run_id


def _stream(client: httpx2.Client, run_id: str, **kwargs: Any) -> Any:
    headers = {"Accept": "text/event-stream", **kwargs.pop("headers", {})}
    return client.stream("GET", f"/v1/runs/{run_id}/events", headers=headers, **kwargs)


def _ids(lines: Iterator[str]) -> list[int]:
    return [int(line.removeprefix("id: ")) for line in lines if line.startswith("id: ")]


def test_a_listener_gets_every_event_once_and_the_stream_ends(
    live: tuple[Api, LiveServer],
) -> None:
    api, server = live
    with client_of(api, server) as client:
        run_id = queue_run(client)
        with _stream(client, run_id) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            assert next(lines).startswith("event: run.status_changed")
            training = threading.Thread(target=api.train, args=(run_id,))
            training.start()
            seen = _ids(lines)
            training.join()
        listed = client.get(f"/v1/runs/{run_id}/events", params={"limit": 500}).json()["data"]
    assert seen == [event["seq"] for event in listed] == list(range(1, len(listed) + 1))


def test_a_finished_run_is_replayed_from_any_event_on(live: tuple[Api, LiveServer]) -> None:
    api, server = live
    with client_of(api, server) as client:
        run_id = queue_run(client)
        api.train(run_id)
        with _stream(client, run_id) as stream:
            everything = _ids(stream.iter_lines())
        with _stream(client, run_id, headers={"Last-Event-ID": "3"}) as stream:
            assert _ids(stream.iter_lines()) == everything[3:]
        with _stream(client, run_id, params={"after": 5}) as stream:
            assert _ids(stream.iter_lines()) == everything[5:]
        # Nothing will ever come: it ends rather than wait.
        with _stream(client, run_id, params={"after": everything[-1]}) as stream:
            assert _ids(stream.iter_lines()) == []


def test_many_listeners_share_what_happens(live: tuple[Api, LiveServer]) -> None:
    api, server = live
    seen: list[list[int]] = []
    with client_of(api, server) as client:
        run_id = queue_run(client)

        def listen() -> None:
            with client_of(api, server) as mine, _stream(mine, run_id) as stream:
                seen.append(_ids(stream.iter_lines()))

        listeners = [threading.Thread(target=listen) for _ in range(3)]
        for listener in listeners:
            listener.start()
        api.train(run_id)
        for listener in listeners:
            listener.join(20.0)
    assert len(seen) == 3
    assert seen[0] == seen[1] == seen[2]


def test_a_stream_is_refused_before_it_begins(live: tuple[Api, LiveServer]) -> None:
    api, server = live
    with client_of(api, server) as client:
        run_id = queue_run(client)
        with _stream(client, "run_" + "0" * 26) as stream:
            assert stream.status_code == 404
        for position in ("-1", "x", "9" * 30):
            with _stream(client, run_id, headers={"Last-Event-ID": position}) as stream:
                assert stream.status_code == 400
                stream.read()
                assert stream.json()["code"] == "bad_cursor"


def test_a_listener_that_goes_makes_room(live: tuple[Api, LiveServer]) -> None:
    api, server = live
    with client_of(api, server) as client:
        run_id = queue_run(client)
        with ExitStack() as streams:
            for _ in range(3):
                assert streams.enter_context(_stream(client, run_id)).status_code == 200
            fourth = streams.enter_context(_stream(client, run_id))
            assert fourth.status_code == 429
            assert int(fourth.headers["retry-after"]) > 0
        end_s = time.monotonic() + 5.0
        while True:
            with _stream(client, run_id) as stream:
                if stream.status_code == 200:
                    break
            assert time.monotonic() < end_s, "the listeners are still counted"


def test_a_server_that_ends_lets_its_streams_end(live: tuple[Api, LiveServer]) -> None:
    api, server = live
    with client_of(api, server) as client:
        run_id = queue_run(client)
        with _stream(client, run_id) as stream:
            lines = stream.iter_lines()
            next(lines)
            assert server.stop() < 2.0
            assert all(line == "" or ":" in line for line in lines)


def test_one_key_leaves_room_for_the_streams_of_others(
    tmp_path: Path, sqlite_template: Path
) -> None:
    api = make_api(tmp_path, sqlite_template, event_streams=3, event_streams_per_key=2)
    with LiveServer(api.app) as server, ExitStack() as streams:
        client = streams.enter_context(client_of(api, server))
        run_id = queue_run(client)
        for expected in (200, 200, 429):
            assert streams.enter_context(_stream(client, run_id)).status_code == expected
        other = {"Authorization": f"Bearer {api.reading_key}"}
        with _stream(client, run_id, headers=other) as stream:
            assert stream.status_code == 200
    api.sessions.dispose()


def test_a_listener_that_leaves_is_no_defect(
    live: tuple[Api, LiveServer], caplog: pytest.LogCaptureFixture
) -> None:
    api, server = live
    with client_of(api, server) as client:
        run_id = queue_run(client)
        api.train(run_id)
    head = f"GET /v1/runs/{run_id}/events HTTP/1.1\r\nHost: localhost\r\n"
    keys = f"Authorization: Bearer {api.key}\r\nAccept: text/event-stream\r\n\r\n"
    for _ in range(5):
        with server.connect() as connection:
            connection.sendall((head + keys).encode())
            assert connection.recv(16).startswith(b"HTTP/1.1 200")
    server.stop()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
