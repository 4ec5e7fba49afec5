"""PostgreSQL that crashes, stays away, or loses a connection: who depends on it waits, goes on."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from service.schemas.runs import TERMINAL
from service.store import migrate
from service.store.db import Sessions, make_engine
from service.store.tables import RunRow
from tests.faults.service import FaultyService, wish_for
from tests.faults.undisturbed import Undisturbed
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.redis import RedisServer

# One pytest process, or each would start the module's service again.
pytestmark = pytest.mark.xdist_group("lost-databases")

REFUSED_S = 3.0
LEASE_S = 3.0
RUNG_S = 10.0
_SETTINGS = {
    "SLOPE_LEASE_SECONDS": f"{LEASE_S:g}",
    "SLOPE_WORKER_PROCESSES": "1",
    "SLOPE_LIMIT_REQUESTS_PER_SECOND": "1000",
    "SLOPE_LIMIT_REQUEST_BURST": "1000",
}


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    """A PostgreSQL of the module's own, to be broken."""
    it = PostgresServer()
    yield it
    it.close()


@pytest.fixture(scope="module")
def proxy(database: PostgresServer) -> Iterator[Proxy]:
    """The service's way to it."""
    it = Proxy(database.port)
    yield it
    it.close()


@pytest.fixture(scope="module")
def url(database: PostgresServer) -> str:
    """The database's own address, beside the proxy."""
    url = database.create(f"slope_{uuid4().hex}")
    migrate.upgrade(url)
    return url


@pytest.fixture(scope="module")
def sessions(url: str) -> Iterator[Sessions]:
    it = Sessions(make_engine(url))
    yield it
    it.dispose()


@pytest.fixture(scope="module")
def running(
    database: PostgresServer,
    proxy: Proxy,
    url: str,
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FaultyService]:
    servers = {
        "SLOPE_DATABASE_URL": url.replace(f":{database.port}/", f":{proxy.port}/"),
        "SLOPE_REDIS_URL": redis_server.url,
    }
    it = FaultyService(tmp_path_factory.mktemp("databases") / "var", {**_SETTINGS, **servers})
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
    running.await_that(running.is_ready, bool)
    running.await_that(running.unfinished, lambda left: left == [], timeout_s=60.0)
    assert running.logs.unexplained() == []


def assert_refused(service: FaultyService, method: str, path: str, **request: object) -> None:
    """Ask for something that needs the database; check that the refusal is quick, and says when."""
    asked_s = time.monotonic()
    answer = service.client.request(method, path, json=request or None)
    assert time.monotonic() - asked_s < REFUSED_S
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert float(answer.headers["retry-after"]) > 0


def test_a_training_outlives_a_crash_of_its_database(
    service: FaultyService, undisturbed: Undisturbed, database: PostgresServer
) -> None:
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_held("6-inside")
    database.stop(signal.SIGQUIT)
    service.release("6-inside")
    database.start()
    undisturbed.check(run_id, faults=1)


def test_a_holder_that_lives_is_not_reaped_after_an_outage(
    service: FaultyService, undisturbed: Undisturbed, database: PostgresServer
) -> None:
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_held("6-inside")
    database.stop(signal.SIGQUIT)
    expired_s = time.monotonic() + 2 * LEASE_S
    service.await_that(time.monotonic, lambda now_s: now_s > expired_s)
    database.start()
    # The lease has expired, and everybody who reconciles is about to see it.
    service.release("6-inside")
    run = undisturbed.check(run_id, faults=0)
    assert run["attempt"] == 1


def test_the_api_says_that_its_database_is_down(
    service: FaultyService, undisturbed: Undisturbed, database: PostgresServer
) -> None:
    service.hold("6-inside")
    running = service.start_run(undisturbed.dataset_id)
    service.await_held("6-inside")
    queued = service.start_run(undisturbed.dataset_id)
    database.stop()
    try:
        service.release("6-inside")
        for _ in range(3):
            assert_refused(service, "GET", f"/v1/runs/{running}")
            assert_refused(service, "POST", "/v1/runs", **wish_for(undisturbed.dataset_id))
    finally:
        database.start()
    undisturbed.check(running, faults=1)
    undisturbed.check(queued, faults=0)


@pytest.mark.parametrize("is_answered", [True, False], ids=["after", "before"])
@pytest.mark.parametrize(
    ("sign", "faults"),
    # A claim whose answer is lost is held by nobody: it comes back through its lease.
    [(b'"to":"running"', 1), (b"max_epochs", 0)],
    ids=["claim", "finish"],
)
def test_a_commit_whose_answer_is_lost_counts_once(
    service: FaultyService,
    undisturbed: Undisturbed,
    proxy: Proxy,
    sign: bytes,
    faults: int,
    *,
    is_answered: bool,
) -> None:
    cut = proxy.cut_at(sign, b"COMMIT", is_answered=is_answered)
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_that(cut.is_set, bool)
    undisturbed.check(run_id, faults=faults)


@pytest.mark.parametrize("is_answered", [True, False], ids=["after", "before"])
def test_a_request_that_is_cut_at_commit_can_be_sent_again(
    service: FaultyService,
    undisturbed: Undisturbed,
    proxy: Proxy,
    sessions: Sessions,
    *,
    is_answered: bool,
) -> None:
    wish = wish_for(undisturbed.dataset_id)
    key = {"Idempotency-Key": f"cut-{is_answered}"}
    with sessions.read() as session:
        n_before = session.scalar(select(func.count(RunRow.id))) or 0
    cut = proxy.cut_at(b'"to":"queued"', b"COMMIT", is_answered=is_answered)
    refused = service.client.post("/v1/runs", json=wish, headers=key)
    assert cut.is_set()
    assert refused.status_code == 503
    answer = service.client.post("/v1/runs", json=wish, headers=key).raise_for_status()
    assert ("idempotency-replayed" in answer.headers) is is_answered
    with sessions.read() as session:
        assert session.scalar(select(func.count(RunRow.id))) == n_before + 1
    # Its bell may not have been rung, and is rung by the reconciler then.
    service.await_run(answer.json()["id"], "running", *TERMINAL, timeout_s=RUNG_S)
    undisturbed.check(answer.json()["id"], faults=0)


def test_a_worker_behind_a_black_hole_lets_go(
    service: FaultyService,
    undisturbed: Undisturbed,
    proxy: Proxy,
    url: str,
    sessions: Sessions,
) -> None:
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_held("6-inside")

    def has_succeeded() -> bool:
        with sessions.read() as session:
            return session.get_one(RunRow, run_id).status == "succeeded"

    with service.second_worker(SLOPE_DATABASE_URL=url):
        proxy.blackhole()
        service.release("6-inside")
        service.await_that(has_succeeded, bool, timeout_s=60.0)
        left = "stuck in a database call, leaving"
        service.await_that(lambda: service.logs.count(f"{run_id}: {left}"), bool)
    proxy.heal()
    service.await_that(service.is_ready, bool)
    undisturbed.check(run_id, faults=1)
