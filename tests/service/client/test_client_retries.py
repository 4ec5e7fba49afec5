from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from service.client import (
    ApiError,
    Client,
    ConflictError,
    RateLimitedError,
    ServerError,
    UnreachableError,
)
from tests.service.client import wire_examples as wire
from tests.service.client.scripted_server import Answer, problem

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.client.scripted_server import ScriptedServer

RUNS = "/v1/runs"
RUN = f"{RUNS}/{wire.RUN_ID}"


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_passing_refusal_is_asked_again(
    server: ScriptedServer, client: Client, status: int
) -> None:
    server.on("GET", RUN, problem(status, "later"), problem(status, "later"), Answer(wire.run()))
    assert client.runs.get(wire.RUN_ID).id == wire.RUN_ID
    assert server.count("GET", RUN) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422, 500, 501])
def test_a_lasting_refusal_is_asked_once(
    server: ScriptedServer, client: Client, status: int
) -> None:
    server.on("GET", RUN, problem(status, "no"))
    with pytest.raises(ApiError) as caught:
        client.runs.get(wire.RUN_ID)
    assert caught.value.status == status
    assert server.count("GET", RUN) == 1


def test_the_last_refusal_is_raised_after_all_retries(
    server: ScriptedServer, client: Client
) -> None:
    server.on("GET", RUN, problem(503, "unavailable", headers={"Retry-After": "0"}))
    with pytest.raises(ServerError) as caught:
        client.runs.get(wire.RUN_ID)
    assert (caught.value.code, caught.value.retry_after_s) == ("unavailable", 0.0)
    assert server.count("GET", RUN) == 3


def test_the_pause_that_the_service_asks_for_is_kept(
    server: ScriptedServer, client: Client
) -> None:
    busy = problem(429, "rate_limited", headers={"Retry-After": "1"})
    server.on("GET", RUN, busy, Answer(wire.run()))
    start = time.monotonic()
    client.runs.get(wire.RUN_ID)
    assert 1.0 <= time.monotonic() - start < 3.0


def test_a_date_as_retry_after_counts_from_the_answers_own_date(
    server: ScriptedServer, client: Client
) -> None:
    # Both long past, so that a clock of the client's own would give nonsense.
    dates = {
        "Retry-After": "Thu, 01 Jan 2004 01:00:00 GMT",
        "Date": "Thu, 01 Jan 2004 00:00:00 GMT",
    }
    server.on("GET", RUN, problem(503, "maintenance", headers=dates))
    with pytest.raises(ServerError) as caught:
        client.runs.get(wire.RUN_ID)
    assert caught.value.retry_after_s == 3600.0


def test_a_longer_pause_than_a_minute_is_told_instead_of_kept(
    server: ScriptedServer, client: Client
) -> None:
    server.on("GET", RUN, problem(429, "quota_exceeded", headers={"Retry-After": "3600"}))
    with pytest.raises(RateLimitedError) as caught:
        client.runs.get(wire.RUN_ID)
    assert caught.value.retry_after_s == 3600.0
    assert server.count("GET", RUN) == 1


def test_a_create_is_repeated_with_the_same_key_after_a_lost_answer(
    server: ScriptedServer, client: Client
) -> None:
    server.on("POST", RUNS, Answer(cut=True), Answer(wire.run("queued"), status=202))
    client.runs.create(dataset_id=wire.DATASET_ID, target="y")
    keys = [request.headers["idempotency-key"] for request in server.received]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_two_creates_have_two_keys(server: ScriptedServer, client: Client) -> None:
    server.on("POST", RUNS, Answer(wire.run("queued"), status=202))
    for _ in range(2):
        client.runs.create(dataset_id=wire.DATASET_ID, target="y")
    assert len({request.headers["idempotency-key"] for request in server.received}) == 2


def test_a_create_that_is_still_in_flight_is_asked_again(
    server: ScriptedServer, client: Client
) -> None:
    answers = problem(409, "idempotency_in_flight"), Answer(wire.run("queued"), status=202)
    server.on("POST", RUNS, *answers)
    assert client.runs.create(dataset_id=wire.DATASET_ID, target="y").status == "queued"


def test_another_conflict_is_not_asked_again(server: ScriptedServer, client: Client) -> None:
    server.on("DELETE", RUN, problem(409, "run_not_finished"))
    with pytest.raises(ConflictError):
        client.runs.delete(wire.RUN_ID)
    assert server.count("DELETE", RUN) == 1


def test_an_upload_is_repeated_byte_for_byte(
    server: ScriptedServer, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "line.csv"
    path.write_text("x,y\n1,2\n")
    server.on("POST", "/v1/datasets", Answer(cut=True), Answer(wire.dataset(), status=201))
    client.datasets.create(path, name="a line")
    first, second = server.received
    assert b"x,y\n1,2\n" in first.body
    assert b"a line" in first.body
    assert first.body == second.body
    assert first.headers["content-type"] == second.headers["content-type"]


def test_nobody_listening_is_told_after_all_retries() -> None:
    with socket.socket() as bound:
        # Bound but not listening: refused, and nobody else can take the port meanwhile.
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with Client(url, backoff_s=0.01) as client, pytest.raises(UnreachableError, match=url):
            client.runs.get(wire.RUN_ID)


def test_a_silent_service_is_told_as_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Client(url, timeout_s=0.1, max_retries=0) as client,
            pytest.raises(UnreachableError, match="timed out"),
        ):
            client.runs.get(wire.RUN_ID)


def test_a_proxy_for_the_world_is_not_asked_for_this_machine(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.on("GET", RUN, Answer(wire.run()))
    with Client(server.url, max_retries=0) as client:
        assert client.runs.get(wire.RUN_ID).id == wire.RUN_ID


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://example.org", "", "http://"])
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="not the address"):
        Client(url)
