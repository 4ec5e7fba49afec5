"""The database: engines for SQLite and PostgreSQL and the sessions on them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from service.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.orm import DeclarativeBase
    from sqlalchemy.pool import ConnectionPoolEntry

POOL_WAIT_S = 2.0
CONNECT_S = 3
IDLE_IN_TRANSACTION_S = 20
SQLITE_BUSY_S = 20
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # NORMAL may lose the last transactions at a power cut, and 202 means durable.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {SQLITE_BUSY_S * 1000}",
)


class Sessions:
    """Where transactions begin: `begin()` to write, `read()` to look.

    Both end the transaction with the block: kept when it ends well, undone when it raises.
    A database that is away, or too slow, raises `UnavailableError`, here and nowhere else.
    """

    def __init__(self, engine: Engine) -> None:
        self._writers = engine
        self._readers = engine.execution_options(slope_reads=True, postgresql_readonly=True)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Begin a transaction that may write."""
        with _available(), _transaction(self._writers) as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Begin a transaction that only reads; on SQLite it waits for no writer."""
        with _available(), _transaction(self._readers) as session:
            yield session

    def dispose(self) -> None:
        """Close every connection; the next transaction opens new ones."""
        self._writers.dispose()


def make_engine(
    url: str,
    *,
    statement_timeout_s: float = 5.0,
    answer_timeout_s: float | None = None,
    pool_size: int = 5,
) -> Engine:
    """Make an engine that connects on first use: call it after a fork, not before.

    `statement_timeout_s` bounds each statement on PostgreSQL, and `answer_timeout_s` the wait for
    its answer, of a server that hangs or is cut off: a little longer unless given. On SQLite,
    which has one writer at a time and no network, waiting for the lock is bounded instead.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, pool_size)
    engine = _postgresql_engine(parsed, statement_timeout_s, pool_size)
    # By name, and here alone: psycopg takes 15 MB of every process, and SQLite needs none of it.
    answers = import_module("service.store.answers")
    answers.bound_answers(engine, answer_timeout_s or statement_timeout_s + CONNECT_S)
    return engine


def upsert(session: Session, table: type[DeclarativeBase]) -> Any:
    """Begin an INSERT that has ON CONFLICT, which both databases spell alike.

    Typed Any, because SQLAlchemy gives the two no common parent.
    """
    insert = _INSERTS[session.get_bind().dialect.name]
    return insert(table)


_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@contextmanager
def _transaction(engine: Engine) -> Iterator[Session]:
    # What a use case returns is read after its transaction.
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise UnavailableError("database") from error


# NaN is no JSON: refused here, because PostgreSQL would refuse it later and SQLite never.
_to_json = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def _sqlite_engine(url: URL, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        # sqlite3's own transaction control begins none for SELECT; ours begins them all.
        connect_args={"isolation_level": None, "timeout": SQLITE_BUSY_S},
        json_serializer=_to_json,
        pool_size=pool_size,
        max_overflow=2 * pool_size,
        pool_timeout=POOL_WAIT_S,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads and then writes gets SQLITE_BUSY at once, whatever the busy
    # timeout says, when another wrote in between; taking the write lock first waits its turn.
    reads = connection.get_execution_options().get("slope_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _postgresql_engine(url: URL, statement_timeout_s: float, pool_size: int) -> Engine:
    session_settings = {
        "statement_timeout": f"{statement_timeout_s * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_S * 1000}",
        "timezone": "UTC",
    }
    connect_args: dict[str, Any] = {
        "connect_timeout": CONNECT_S,
        # A peer that vanished without a word is noticed by the kernel, not by nobody.
        "tcp_user_timeout": int((statement_timeout_s + CONNECT_S) * 1000),
        "options": " ".join(f"-c {name}={value}" for name, value in session_settings.items()),
    }
    return create_engine(
        url,
        connect_args=connect_args,
        json_serializer=_to_json,
        pool_size=pool_size,
        max_overflow=2 * pool_size,
        pool_timeout=POOL_WAIT_S,
        # One round trip per transaction, so that a restart of the database fails no request.
        pool_pre_ping=True,
    )
