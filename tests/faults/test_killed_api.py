"""kill -9 of the API in the middle of a call: what was created is there once and whole."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import func, select

from service.schemas.runs import TERMINAL
from service.store.tables import BlobChunkRow, BlobRow, DatasetRow, RunRow
from tests.faults.service import wave, wish_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed

RUNG_S = 10.0
"""Far less than the half a minute after which any bell is repeated."""

BOUNDARY = "slope-boundary"
HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="wave.csv"\r\n'
    "Content-Type: text/csv\r\n\r\n"
).encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()


def await_new_api(service: FaultyService, killed: int) -> None:
    """Wait until the API that takes the place of a killed one answers."""
    service.await_new("api", killed)
    service.await_that(service.is_ready, bool)


def count_of(service: FaultyService, table: type) -> int:
    """Return how many rows a table has."""
    with service.sessions.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.parametrize("place", ["before_insert-run", "after_insert-run"])
def test_a_call_that_is_repeated_after_the_api_died_creates_one_run(
    service: FaultyService, undisturbed: Undisturbed, place: str
) -> None:
    n_runs = count_of(service, RunRow)
    wish = wish_for(undisturbed.dataset_id)
    key = {"Idempotency-Key": uuid4().hex}
    killed = service.pid("api")
    service.kill_at(place)
    with pytest.raises(httpx2.TransportError):
        service.client.post("/v1/runs", json=wish, headers=key)
    await_new_api(service, killed)
    again = service.client.post("/v1/runs", json=wish, headers=key)
    once_more = service.client.post("/v1/runs", json=wish, headers=key)
    if place == "before_insert-run":
        # Nobody can know whether the first call still runs: its key is refused for a while.
        assert {again.status_code, once_more.status_code} == {409}
        assert again.json()["code"] == "idempotency_in_flight"
        assert count_of(service, RunRow) == n_runs
        return
    assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
    assert again.content == once_more.content
    assert count_of(service, RunRow) == n_runs + 1
    run_id = again.json()["id"]
    # The bell that died with the API is rung by the reconciler, meanwhile.
    service.await_run(run_id, "running", *TERMINAL, timeout_s=RUNG_S)
    assert undisturbed.check(run_id, faults=0)["attempt"] == 1


def test_an_upload_that_the_api_dies_under_leaves_nothing(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    before = {table: count_of(service, table) for table in (DatasetRow, BlobRow, BlobChunkRow)}
    uploads = service.state_dir / "uploads"
    known = set(uploads.iterdir())
    killed = service.pid("api")
    arriving, go_on = threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        table = wave()
        yield HEAD + table[: len(table) // 2]
        arriving.set()
        go_on.wait(30.0)
        yield table[len(table) // 2 :] + TAIL

    def upload() -> None:
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        with pytest.raises(httpx2.TransportError):
            service.client.post("/v1/datasets", content=body(), headers=kind)

    sender = threading.Thread(target=upload)
    sender.start()
    assert arriving.wait(30.0)
    service.await_that(lambda: set(uploads.iterdir()) - known, bool)
    service.kill("api")
    go_on.set()
    sender.join(30.0)
    await_new_api(service, killed)
    # Once more, with the whole file there and its rows and chunks written but not committed.
    killed = service.pid("api")
    service.kill_at("before_insert-dataset")
    with pytest.raises(httpx2.TransportError):
        service.upload(wave() + b"\n1,2,3,4,5")
    await_new_api(service, killed)
    assert {table: count_of(service, table) for table in before} == before
    # The table itself is none the worse for it.
    run_id = service.start_run(service.upload())
    assert undisturbed.check(run_id, faults=0)["attempt"] == 1
