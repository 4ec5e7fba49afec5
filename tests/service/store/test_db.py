"""Transactions on both databases: durable, in turn, and never waiting for ever."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import DatabaseError, StatementError

from service.errors import UnavailableError
from service.ids import new_id
from service.store.db import CONNECT_S, Sessions, make_engine
from service.store.instants import db_now
from service.store.tables import ProjectRow, WorkerRow
from tests.servers.proxy import Proxy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.postgres import PostgresServer


def add_project(sessions: Sessions, name: str) -> None:
    with sessions.begin() as session:
        session.add(ProjectRow(id=new_id("prj"), name=name))


def add_project_and_fail(sessions: Sessions, name: str) -> None:
    with sessions.begin() as session:
        session.add(ProjectRow(id=new_id("prj"), name=name))
        session.flush()
        raise LookupError


def names(sessions: Sessions) -> list[str]:
    with sessions.read() as session:
        return sorted(session.scalars(select(ProjectRow.name)))


def test_a_transaction_is_kept_when_it_ends_well_and_undone_when_not(sessions: Sessions) -> None:
    add_project(sessions, "kept")
    with pytest.raises(LookupError):
        add_project_and_fail(sessions, "undone")
    assert names(sessions) == ["kept"]


def test_instants_come_back_as_they_were_put_in_utc(sessions: Sessions) -> None:
    instant = datetime(2026, 11, 22, 14, 30, 15, 123_000, tzinfo=UTC)
    with sessions.begin() as session:
        session.add(ProjectRow(id=new_id("prj"), name="old", created_at=instant))
    with sessions.read() as session:
        stored = session.scalars(select(ProjectRow.created_at)).one()
    assert abs(stored - instant) < timedelta(microseconds=2)
    assert stored.utcoffset() == timedelta(0)


def test_the_databases_clock_moves_within_a_transaction(sessions: Sessions) -> None:
    with sessions.begin() as session:
        first = session.scalar(select(db_now()))
        assert first is not None
        while session.scalar(select(db_now() > first)) is not True:
            pass
        later = session.scalar(select(db_now(60.0)))
        assert later is not None
        assert timedelta(seconds=59) < later - first < timedelta(seconds=70)
    assert abs(first - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_number_that_is_no_number_is_refused_before_the_database(sessions: Sessions) -> None:
    statement = insert(WorkerRow).values(id="w", pid=1, host="h", queues=[float("nan")])
    refused = (StatementError, ValueError)
    with pytest.raises(refused, match="not JSON compliant"), sessions.begin() as session:
        session.execute(statement)


def test_a_read_sees_a_snapshot_and_waits_for_no_writer(sessions: Sessions) -> None:
    add_project(sessions, "first")
    with sessions.begin() as writing:
        writing.add(ProjectRow(id=new_id("prj"), name="second"))
        writing.flush()
        assert names(sessions) == ["first"]
    assert names(sessions) == ["first", "second"]


def test_many_writers_lose_no_update_and_find_nothing_locked(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.add(WorkerRow(id="counter", pid=0, host="h", queues=[]))

    def count(_: int) -> None:
        with sessions.begin() as session:
            # Read, then write: what a deferred transaction of SQLite would fail at.
            query = select(WorkerRow.pid).where(WorkerRow.id == "counter").with_for_update()
            pid = session.scalars(query).one()
            session.execute(update(WorkerRow).values(pid=pid + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(200)))
    with sessions.read() as session:
        assert session.scalar(select(WorkerRow.pid)) == 200


def test_sqlite_is_durable_and_keeps_its_foreign_keys(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    pragmas = {}
    with engine.connect() as connection:
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout"):
            pragmas[name] = connection.execute(text(f"PRAGMA {name}")).scalar()
    engine.dispose()
    full = 2
    assert pragmas == {
        "journal_mode": "wal", "synchronous": full, "foreign_keys": 1, "busy_timeout": 20_000,
    }  # fmt: skip


def test_a_reading_transaction_cannot_write_on_postgresql(postgres_url: str) -> None:
    sessions = Sessions(make_engine(postgres_url))
    with pytest.raises(DatabaseError, match="read-only"), sessions.read() as session:
        session.execute(insert(ProjectRow).values(id=new_id("prj"), name="no"))
    add_project(sessions, "the connection is as it was")
    sessions.dispose()


def test_a_statement_that_takes_too_long_is_given_up(postgres_url: str) -> None:
    sessions = Sessions(make_engine(postgres_url, statement_timeout_s=0.1))
    start = time.monotonic()
    with pytest.raises(UnavailableError), sessions.begin() as session:
        session.execute(select(func.pg_sleep(30)))
    assert time.monotonic() - start < 5.0
    sessions.dispose()


@pytest.mark.parametrize("is_connected", [True, False], ids=["connected", "new"])
def test_a_database_that_never_answers_is_given_up(
    postgres: PostgresServer, postgres_url: str, *, is_connected: bool
) -> None:
    proxy = Proxy(postgres.port)
    url = postgres_url.replace(f":{postgres.port}/", f":{proxy.port}/")
    sessions = Sessions(make_engine(url, answer_timeout_s=1.0))
    if is_connected:
        add_project(sessions, "before")
    proxy.blackhole()
    start = time.monotonic()
    with pytest.raises(UnavailableError):
        names(sessions)
    assert time.monotonic() - start < CONNECT_S + 2.0
    proxy.heal()
    add_project(sessions, "after")
    assert names(sessions)[0] == "after"
    sessions.dispose()
    proxy.close()


def test_a_commit_without_an_answer_is_given_up(
    postgres: PostgresServer, postgres_url: str
) -> None:
    proxy = Proxy(postgres.port)
    url = postgres_url.replace(f":{postgres.port}/", f":{proxy.port}/")
    sessions = Sessions(make_engine(url, answer_timeout_s=1.0))

    def commit_unheard() -> None:
        with sessions.begin() as session:
            session.execute(select(1))
            proxy.mute()

    start = time.monotonic()
    with pytest.raises(UnavailableError):
        commit_unheard()
    assert time.monotonic() - start < 5.0
    proxy.heal()
    assert names(sessions) == []
    sessions.dispose()
    proxy.close()


def test_a_full_pool_is_waited_for_briefly(postgres_url: str) -> None:
    sessions = Sessions(make_engine(postgres_url, pool_size=1))
    release = threading.Event()
    held = threading.Semaphore(0)

    def hold() -> None:
        with sessions.begin() as session:
            session.execute(select(1))
            held.release()
            release.wait(30.0)

    with ThreadPoolExecutor(3) as pool:
        holders = [pool.submit(hold) for _ in range(3)]
        for _ in holders:
            held.acquire()
        start = time.monotonic()
        with pytest.raises(UnavailableError):
            names(sessions)
        assert time.monotonic() - start < 4.0
        release.set()
        for holder in holders:
            holder.result()
    assert names(sessions) == []
    sessions.dispose()


def test_a_database_that_is_away_is_unavailable_and_back_when_it_is_back(
    postgres: PostgresServer, postgres_url: str
) -> None:
    sessions = Sessions(make_engine(postgres_url))
    add_project(sessions, "before")
    postgres.stop(signal.SIGQUIT)
    start = time.monotonic()
    try:
        for _ in range(2):
            with pytest.raises(UnavailableError):
                names(sessions)
        assert time.monotonic() - start < 3.0
    finally:
        postgres.start()
    add_project(sessions, "after")
    assert names(sessions) == ["after", "before"]
    sessions.dispose()


def test_a_sqlite_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    sessions = Sessions(make_engine(f"sqlite:///{tmp_path / 'missing' / 'slope.db'}"))
    with pytest.raises(UnavailableError):
        names(sessions)
    sessions.dispose()
