"""Backups of the embedded database: one moment of it, and nothing but whole ones come back."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from service.ids import new_id
from service.store import migrate
from service.store.backup import BackupError, back_up, restore
from service.store.db import Sessions, make_engine
from service.store.tables import ProjectRow

RUN_S = 100.0
N_BACKUPS = 5


@pytest.fixture
def database(sqlite_url: str) -> Path:
    """A migrated database."""
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def backup(database: Path, tmp_path: Path) -> Path:
    """A backup of it."""
    file = tmp_path / "slope.backup"
    back_up(database, file)
    return file


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a database can be restored to."""
    folder = tmp_path / "fresh"
    folder.mkdir()
    return folder / "slope.db"


def test_a_backup_is_of_one_moment_and_holds_up_nobody(database: Path, tmp_path: Path) -> None:
    sessions = Sessions(make_engine(f"sqlite:///{database}"))
    wanted, begun = threading.Event(), threading.Event()
    wanted.set()

    def write() -> None:
        while wanted.is_set():
            with sessions.begin() as session:
                # Both or neither, in every backup.
                session.add_all(ProjectRow(id=new_id("prj"), name=new_id("prj")) for _ in range(2))
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(10.0)
    counts = []
    for i in range(N_BACKUPS):
        file = tmp_path / f"{i}.backup"
        back_up(database, file)
        with closing(sqlite3.connect(file)) as copy:
            counts += copy.execute("SELECT count(*) FROM projects").fetchone()
    wanted.clear()
    writer.join()
    sessions.dispose()
    assert counts[0] > 0
    assert counts == sorted(counts)
    assert [count % 2 for count in counts] == [0] * N_BACKUPS


def test_a_backup_is_one_file_of_its_owners(backup: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in backup.parent.glob(f"*{backup.name}*")] == [backup.name]


def test_a_backup_replaces_no_file(database: Path, backup: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(BackupError, match="there already"):
        back_up(database, backup)
    assert backup.read_bytes() == before


def test_there_must_be_something_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no database"):
        back_up(tmp_path / "nothing.db", tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_what_comes_back_has_the_tables_of_this_version(backup: Path, place: Path) -> None:
    restore(backup, place, run_seconds=RUN_S)
    migrate.check(f"sqlite:///{place}")
    assert place.stat().st_mode & 0o777 == 0o600
    assert list(place.parent.iterdir()) == [place]


def test_a_backup_of_an_older_version_is_brought_up_to_date(
    database: Path, tmp_path: Path, place: Path
) -> None:
    migrate.downgrade(f"sqlite:///{database}", "0003")
    file = tmp_path / "older.backup"
    back_up(database, file)
    restore(file, place, run_seconds=RUN_S)
    assert migrate.is_current(f"sqlite:///{place}")


def _damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    file.write_bytes(content)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-8192])


def _write_text(file: Path) -> None:
    file.write_text("Dear operator, this is a letter and no database.\n" * 100)


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _take_from_the_future(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_damage, "damaged|cannot be read"),
        (_cut, "damaged|cannot be read"),
        (_write_text, "cannot be read"),
        (_empty, "no database of this service"),
        (_take_from_the_future, "newer version"),
        (Path.unlink, "no file"),
    ],
)
def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(
    backup: Path, place: Path, spoil: object, said: str
) -> None:
    assert callable(spoil)
    spoil(backup)
    with pytest.raises(BackupError, match=said):
        restore(backup, place, run_seconds=RUN_S)
    assert list(place.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["slope.db", "slope.db-wal", "slope.db-shm"])
def test_nothing_is_restored_over_a_database_or_its_journal(
    backup: Path, place: Path, name: str
) -> None:
    there = place.with_name(name)
    there.write_bytes(b"mine")
    with pytest.raises(BackupError, match=name):
        restore(backup, place, run_seconds=RUN_S)
    assert there.read_bytes() == b"mine"


def test_a_restored_database_serves_after_its_backup_is_gone(backup: Path, place: Path) -> None:
    restore(backup, place, run_seconds=RUN_S)
    backup.unlink()
    moved = Path(shutil.move(place, place.with_name("moved.db")))
    sessions = Sessions(make_engine(f"sqlite:///{moved}"))
    with sessions.read() as session:
        assert session.execute(text("SELECT count(*) FROM runs")).scalar_one() == 0
    sessions.dispose()
