"""Five hundred listeners on one process: each gets everything, and none makes the others wait."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from service.store.blobs import Blobs
from service.usecases.claims import EpochMetrics, ProgressPart
from service.usecases.leases import Leases
from tests.service.api.conftest import make_api
from tests.service.api.live_server import LiveServer
from tests.service.api.test_event_stream import client_of, queue_run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.service.api.conftest import Api

N_LISTENERS = 500
N_EPOCHS = 60


@pytest.fixture
def live(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[Api, LiveServer]]:
    api = make_api(tmp_path, sqlite_template, event_streams_per_key=N_LISTENERS)
    with LiveServer(api.app) as server:
        yield api, server
    api.sessions.dispose()


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def _stream(api: Api, server: LiveServer, run_id: str) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        f"GET /v1/runs/{run_id}/events HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {api.key}\r\nAccept: text/event-stream\r\n\r\n".encode()
    )
    await writer.drain()
    try:
        yield reader, writer
    finally:
        writer.close()


async def _status(connection: Connection) -> int:
    reader, _ = connection
    status = int((await reader.readline()).split()[1])
    while (await reader.readline()).strip():
        pass
    return status


async def _ids(connection: Connection) -> list[int]:
    """Read a stream to its end; the server then waits for another request."""
    reader, _ = connection
    ids = []
    while (line := await reader.readline()) not in (b"0\r\n", b""):
        if line.startswith(b"id: "):
            ids.append(int(line[4:]))
    return ids


def _record(leases: Leases, run_id: str) -> None:
    claim = leases.claim(run_id, "worker")
    assert claim is not None
    for epoch in range(1, N_EPOCHS + 1):
        metrics = (EpochMetrics(epoch, {"train_loss": 1.0 / epoch}),)
        part = ProgressPart(epoch=epoch, step=epoch, trained_seconds=0.0, epochs=metrics)
        leases.record(run_id, claim.fence, part)
    leases.release(run_id, claim.fence, None)


def test_five_hundred_listeners_get_every_event_in_order(live: tuple[Api, LiveServer]) -> None:
    api, server = live
    with client_of(api, server) as client:
        run_id = queue_run(client)
        leases = Leases(api.sessions, Blobs(), lease_s=60.0)

        async def listen() -> list[list[int]]:
            async with AsyncExitStack() as stack:
                streams = [_stream(api, server, run_id) for _ in range(N_LISTENERS)]
                connections = [await stack.enter_async_context(s) for s in streams]
                statuses = await asyncio.gather(*map(_status, connections))
                assert set(statuses) == {200}
                another = await stack.enter_async_context(_stream(api, server, run_id))
                assert await _status(another) == 429
                # Waiting is not running: whoever asks for something else is answered.
                look = await asyncio.to_thread(client.get, f"/v1/runs/{run_id}")
                assert look.status_code == 200
                # One that does not read holds nobody up: it is awaited after the others.
                others = asyncio.gather(*map(_ids, connections[1:]))
                await asyncio.to_thread(_record, leases, run_id)
                await asyncio.to_thread(client.post, f"/v1/runs/{run_id}/cancel")
                return [*await others, await _ids(connections[0])]

        seen = asyncio.run(listen())
        listed = client.get(f"/v1/runs/{run_id}/events", params={"limit": 500}).json()["data"]
    expected = [event["seq"] for event in listed]
    assert len(expected) > N_EPOCHS
    assert expected == list(range(1, len(expected) + 1))
    assert all(ids == expected for ids in seen)
