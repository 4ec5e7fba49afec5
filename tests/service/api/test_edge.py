"""What every answer carries, and what no answer tells."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from starlette.testclient import TestClient

from service import errors
from service.api.edge import Edge
from service.api.errors import STATUSES, TITLES, status_of
from service.app import compose, create_app
from service.settings import Limits, load_settings
from service.usecases.projects import new_secret
from tests.service.api.live_server import LiveServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from tests.service.api.conftest import Api

LIMITS = Limits.model_validate({})


def _all_errors(cls: type[errors.SlopeError]) -> Iterator[type[errors.SlopeError]]:
    for child in cls.__subclasses__():
        yield child
        yield from _all_errors(child)


def test_every_error_has_a_status_with_a_title() -> None:
    kinds = list(_all_errors(errors.SlopeError))
    assert len(kinds) >= 14
    for kind in kinds:
        assert any(parent in STATUSES for parent in kind.__mro__), kind
    assert set(STATUSES.values()) <= set(TITLES)


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/v1/limits", "/v1/runs", "/nothing", "/docs", "/openapi.json"]
)
def test_every_answer_is_named_and_guarded(client: TestClient, path: str) -> None:
    first, second = client.get(path), client.get(path)
    for answer in (first, second):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "default-src" in answer.headers["content-security-policy"]
        assert "cache-control" in answer.headers
        assert "server" not in answer.headers
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


def test_a_request_id_of_the_sender_is_not_repeated(client: TestClient) -> None:
    answer = client.get("/livez", headers={"X-Request-Id": "of-the-sender"})
    assert answer.headers["x-request-id"] != "of-the-sender"


def _broken(error: BaseException) -> Edge:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise error

    return Edge(app, LIMITS)


@pytest.mark.parametrize(
    "error",
    [ValueError("secret"), errors.IntegrityError("secret"), errors.ModelCorruptError("secret")],
)
def test_a_defect_is_answered_without_saying_what_it_was(error: Exception) -> None:
    answer = TestClient(_broken(error)).get("/anything")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_defect_inside_a_route_is_answered_alike(
    fresh_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("service.usecases.networks.Networks.list", fail)
    with fresh_api.client() as client:
        answer = client.get("/v1/networks")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text


def test_more_requests_at_once_than_there_is_room_for_are_sent_away() -> None:
    release = asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await release.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def crowd() -> list[int]:
        edge = Edge(app, Limits.model_validate({"requests_at_once": 2}))
        transport = httpx2.ASGITransport(app=edge)
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            waiting = [asyncio.create_task(client.get("/")) for _ in range(2)]
            await asyncio.sleep(0.05)
            refused = await client.get("/")
            assert int(refused.headers["retry-after"]) >= 1
            release.set()
            return [refused.status_code, *[(await task).status_code for task in waiting]]

    assert asyncio.run(crowd()) == [503, 204, 204]


@pytest.mark.parametrize("path", ["/v1/networks", "/v1/models/x/predict"])
def test_a_body_without_a_length_is_bounded_as_it_comes(api: Api, path: str) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 2**20

    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
    with LiveServer(api.app) as server, httpx2.Client(base_url=server.base_url) as client:
        answer = client.post(path, content=endless(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_without_its_database_the_service_says_so_soon(tmp_path: Path) -> None:
    environ = {
        "SLOPE_STATE_DIR": str(tmp_path),
        "SLOPE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "SLOPE_REDIS_URL": "redis://127.0.0.1:1/0",
    }
    settings, limits = load_settings(environ)
    # One of the right shape, so that the database is asked.
    key = new_secret()
    with TestClient(create_app(compose(settings, limits))) as client:
        assert client.get("/livez").status_code == 200
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["missing"] == ["broker", "database", "worker"]
        started_s = time.monotonic()
        answer = client.get("/v1/runs", headers={"Authorization": f"Bearer {key}"})
        assert time.monotonic() - started_s < 3.0
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1


def test_without_authentication_everybody_is_one_project(
    tmp_path: Path, sqlite_template: Path
) -> None:
    (tmp_path / "slope.db").write_bytes(sqlite_template.read_bytes())
    settings, limits = load_settings({"SLOPE_STATE_DIR": str(tmp_path), "SLOPE_AUTH": "off"})
    with TestClient(create_app(compose(settings, limits))) as client:
        made = client.post("/v1/networks", json={"name": "n", "layers": []})
        assert made.status_code == 201
        assert client.get("/v1/networks").json()["data"][0]["id"] == made.json()["id"]


def test_the_limits_are_told(client: TestClient) -> None:
    told = client.get("/v1/limits").json()
    assert set(told) == set(Limits.model_fields)
    assert told["json_bytes"]["value"] == 8 * 2**20
    assert all(limit["description"] for limit in told.values())


def test_an_unknown_status_is_a_defect() -> None:
    assert status_of(errors.SlopeError("x", "y")) == 500
