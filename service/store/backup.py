"""Backup and restore of the embedded database; PostgreSQL has tools of its own for that."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.util import CommandError
from sqlalchemy import update

from service.store import migrate
from service.store.db import Sessions, make_engine
from service.store.instants import db_now
from service.store.tables import RunRow, is_unfinished

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALL_PAGES = -1


class BackupError(Exception):
    """A file that cannot be written, or not be restored: which and why, in one line."""


def back_up(database: Path, file: Path) -> None:
    """Copy a database that may be in use: one moment of it, in one file that holds it all.

    Nobody who writes waits. The file appears whole, readable by its owner alone.

    Raises:
        BackupError: there is no such database, or the file is there already.
    """
    if not database.is_file():
        raise BackupError(f"there is no database at {database}")
    _require_absent(file)
    with _draft_of(file) as draft:
        _copy(database, draft)


def restore(file: Path, database: Path, *, run_seconds: float) -> None:
    """Make a backup the database of a state folder that has none, at this version's tables.

    Runs that have not ended get their time anew: what was left of it may have passed since.

    Args:
        file: what `back_up` wrote.
        database: where it goes, for a service that does not run.
        run_seconds: what every unfinished run may take from now on.

    Raises:
        BackupError: there is a database, or the file is not a whole one of this service, or it
            is one of a newer version.
    """
    if not file.is_file():
        raise BackupError(f"there is no file {file}")
    # A journal of another database would be taken for this one's.
    for suffix in ("", "-wal", "-shm"):
        _require_absent(database.with_name(f"{database.name}{suffix}"))
    with _draft_of(database) as draft:
        _copy(file, draft)
        url = f"sqlite:///{draft}"
        try:
            migrate.upgrade(url)
        except CommandError as error:
            raise BackupError(f"{file} is of a newer version: {error}") from None
        _prolong(url, run_seconds)
        _fold(draft)


def _copy(source: Path, target: Path) -> None:
    """Copy all pages in one read transaction, and read the copy through."""
    uri = f"{source.resolve().as_uri()}?mode=ro"
    try:
        with (
            closing(sqlite3.connect(uri, uri=True)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            # In pieces it would begin anew whenever somebody writes in between.
            old.backup(new, pages=_ALL_PAGES)
            (found,) = new.execute("PRAGMA quick_check(1)").fetchone()
            is_ours = "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
            (n_marks,) = new.execute(is_ours).fetchone()
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{source} cannot be read: {error}") from None
    if found != "ok":
        raise BackupError(f"{source} is damaged: {found}")
    if not n_marks:
        raise BackupError(f"{source} is no database of this service")
    _fold(target)


def _fold(database: Path) -> None:
    """Leave one file and no journal beside it."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _prolong(url: str, run_seconds: float) -> None:
    sessions = Sessions(make_engine(url, pool_size=1))
    with sessions.begin() as session:
        session.execute(
            update(RunRow).where(is_unfinished()).values(deadline_at=db_now(run_seconds))
        )
    sessions.dispose()


@contextmanager
def _draft_of(file: Path) -> Iterator[Path]:
    """Let a file be written in a folder beside its place; it goes there, durable, in the end."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}-") as folder:
        draft = Path(folder) / file.name
        draft.touch(mode=0o600)
        yield draft
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(file)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _require_absent(file: Path) -> None:
    if file.exists():
        raise BackupError(f"{file} is there already; move it away first")
