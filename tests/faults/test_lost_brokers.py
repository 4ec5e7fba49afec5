"""Brokers that die, hang, forget, or answer nobody: runs wait at most, for the ledger has them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy import select

from service.store import migrate
from service.store.tables import RunRow
from service.usecases.bells import RESERVE
from tests.faults.service import FaultyService, wish_for
from tests.faults.undisturbed import Undisturbed
from tests.servers.proxy import Proxy
from tests.servers.redis import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.postgres import PostgresServer

N_SLOTS = 2
# As many as hang in a broker at once while no slot is free.
N_QUEUED = RESERVE
# A tick of the reconciler to see that the broker is back, one to ring, and a busy machine.
RUNG_AGAIN_S = 2.0 + 1.0
# Celery tries its broker again after 2, 4 and 6 seconds.
HEARD_AGAIN_S = 15.0
ACCEPTED_S = 1.0

_SETTINGS = {
    "SLOPE_LEASE_SECONDS": "5",
    "SLOPE_WORKER_PROCESSES": str(N_SLOTS),
    # As many of one project as there is room for.
    "SLOPE_LIMIT_RUNS_RUNNING": "100",
    "SLOPE_LIMIT_REQUESTS_PER_SECOND": "1000",
    "SLOPE_LIMIT_REQUEST_BURST": "1000",
}


@pytest.fixture(scope="module")
def broker() -> Iterator[RedisServer]:
    """A Redis of the module's own, to be broken."""
    it = RedisServer()
    yield it
    it.close()


@pytest.fixture(scope="module")
def proxy(broker: RedisServer) -> Iterator[Proxy]:
    """The service's way to it."""
    it = Proxy(broker.port)
    yield it
    it.close()


@pytest.fixture(
    scope="module",
    params=[
        # One pytest process per database, or each would start a service of its own.
        pytest.param(name, marks=pytest.mark.xdist_group(f"brokers-{name}"))
        for name in ("sqlite", "postgresql")
    ],
)
def running(
    request: pytest.FixtureRequest, proxy: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultyService]:
    """The service, on each database in turn."""
    settings = {**_SETTINGS, "SLOPE_REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0"}
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        settings["SLOPE_DATABASE_URL"] = postgres.create(f"slope_{uuid4().hex}")
        migrate.upgrade(settings["SLOPE_DATABASE_URL"])
    it = FaultyService(tmp_path_factory.mktemp("brokers") / "var", settings)
    yield it
    it.close()


@pytest.fixture(scope="module")
def undisturbed(running: FaultyService) -> Undisturbed:
    return Undisturbed(running)


@pytest.fixture
def service(running: FaultyService, proxy: Proxy) -> Iterator[FaultyService]:
    """The service; everything is mended afterwards, and no error is left that nothing explains."""
    yield running
    running.calm()
    proxy.heal()
    running.await_that(running.unfinished, lambda left: left == [], timeout_s=60.0)
    assert running.logs.unexplained() == []


def rung(service: FaultyService, since: datetime) -> set[str]:
    """Return the waiting runs whose bells the broker took since then."""
    with service.sessions.read() as session:
        waiting = select(RunRow.id).where(RunRow.status == "queued", RunRow.dispatched_at > since)
        return set(session.scalars(waiting))


def occupy(service: FaultyService, undisturbed: Undisturbed) -> list[str]:
    """Let a run stand in every slot; return them."""
    service.hold("3-inside")
    runs = [service.start_run(undisturbed.dataset_id, name=f"{n}") for n in range(N_SLOTS)]
    for run_id in runs:
        service.await_run(run_id, "running")
    return runs


def post_seconds(service: FaultyService, undisturbed: Undisturbed, n: int) -> dict[str, float]:
    """Start runs; return how long each took to be accepted, by id."""
    taken: dict[str, float] = {}
    for _ in range(n):
        asked_s = time.monotonic()
        answer = service.client.post("/v1/runs", json=wish_for(undisturbed.dataset_id))
        took_s = time.monotonic() - asked_s
        assert answer.status_code == 202
        taken[answer.json()["id"]] = took_s
    return taken


def test_bells_of_a_killed_redis_are_rung_again(
    service: FaultyService, undisturbed: Undisturbed, broker: RedisServer
) -> None:
    running = occupy(service, undisturbed)
    began_at = datetime.now(UTC)
    queued = [service.start_run(undisturbed.dataset_id) for _ in range(N_QUEUED)]
    service.await_that(lambda: rung(service, began_at), lambda ids: ids == set(queued))
    broker.kill()
    broker.start()
    back_at = datetime.now(UTC)
    service.await_that(lambda: rung(service, back_at), lambda ids: ids == set(queued))
    assert (datetime.now(UTC) - back_at).total_seconds() < RUNG_AGAIN_S
    service.release("3-inside")
    for run_id in (*running, *queued):
        assert undisturbed.check(run_id, faults=0)["attempt"] == 1


def test_runs_are_accepted_while_redis_is_down(
    service: FaultyService, undisturbed: Undisturbed, broker: RedisServer
) -> None:
    broker.kill()
    try:
        taken = post_seconds(service, undisturbed, N_QUEUED)
    finally:
        broker.start()
    assert max(taken.values()) < ACCEPTED_S
    for run_id in taken:
        assert undisturbed.check(run_id, faults=0)["attempt"] == 1


def test_nobody_waits_for_a_redis_that_hangs(
    service: FaultyService, undisturbed: Undisturbed, broker: RedisServer
) -> None:
    trained = occupy(service, undisturbed)
    broker.freeze()
    try:
        taken = post_seconds(service, undisturbed, N_QUEUED)
        service.release("3-inside")
        for run_id in trained:
            assert undisturbed.check(run_id, faults=0)["attempt"] == 1
    finally:
        broker.thaw()
    assert max(taken.values()) < ACCEPTED_S
    for run_id in taken:
        assert undisturbed.check(run_id, faults=0)["attempt"] == 1


@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "busy"])
def test_bells_that_were_flushed_are_rung_again(
    service: FaultyService, undisturbed: Undisturbed, broker: RedisServer, *, is_busy: bool
) -> None:
    running = occupy(service, undisturbed) if is_busy else []
    broker.flush()
    queued = service.start_run(undisturbed.dataset_id)
    if is_busy:
        broker.flush()
        service.release("3-inside")
    flushed_s = time.monotonic()
    service.await_run(queued, "running", "succeeded")
    assert time.monotonic() - flushed_s < HEARD_AGAIN_S
    for run_id in (*running, queued):
        assert undisturbed.check(run_id, faults=0)["attempt"] == 1


def test_a_bell_whose_answer_is_lost_is_rung_again(
    service: FaultyService, undisturbed: Undisturbed, proxy: Proxy
) -> None:
    running = occupy(service, undisturbed)
    cut = proxy.cut_at(b"LPUSH", is_answered=True)
    queued = service.start_run(undisturbed.dataset_id)
    service.await_that(cut.is_set, bool)
    cut_at = datetime.now(UTC)
    service.await_that(lambda: rung(service, cut_at), lambda ids: ids == {queued})
    service.release("3-inside")
    for run_id in (*running, queued):
        assert undisturbed.check(run_id, faults=0)["attempt"] == 1
    service.await_that(lambda: service.logs.count(f"{queued}: not there to be taken"), bool)
