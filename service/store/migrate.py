"""Migrations of the database, run from a program."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from service.store.db import make_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

# Long enough to rewrite a large table; a migration is watched by whoever started it.
_STATEMENT_S = 3600.0
_LOCK = 0x510BE


def upgrade(url: str) -> None:
    """Bring a database to the newest version; nothing happens to one that is there already."""
    with _connected(url) as (connection, config):
        if _is_current(connection, config):
            return
        command.upgrade(config, "head")


def downgrade(url: str, revision: str = "base") -> None:
    """Take a database back to a revision; "base" leaves none of our tables."""
    with _connected(url) as (_, config):
        command.downgrade(config, revision)


def check(url: str) -> None:
    """Compare a database with the tables.

    Raises:
        alembic.util.CommandError: it is not at the newest version, or they differ.
    """
    with _connected(url) as (_, config):
        command.check(config)


def is_current(url: str) -> bool:
    """Tell whether a database is at the newest version."""
    with _connected(url) as (connection, config):
        return _is_current(connection, config)


@contextmanager
def _connected(url: str) -> Iterator[tuple[Connection, Config]]:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    engine = make_engine(url, statement_timeout_s=_STATEMENT_S)
    try:
        with engine.begin() as connection:
            # Two that start together must not both create the tables; SQLite's BEGIN IMMEDIATE
            # sees to that by itself.
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            config.attributes["connection"] = connection
            yield connection, config
    finally:
        engine.dispose()


def _is_current(connection: Connection, config: Config) -> bool:
    heads = ScriptDirectory.from_config(config).get_heads()
    return set(MigrationContext.configure(connection).get_current_heads()) == set(heads)
