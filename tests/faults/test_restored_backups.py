"""A backup taken in the middle of everything, restored elsewhere: its runs go on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from service.store.tables import RunRow
from tests.chaos.judge import Trial
from tests.faults.service import FaultyService
from tests.servers.redis import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tests.faults.undisturbed import Undisturbed
    from tests.servers.postgres import PostgresServer

ROOT = Path(__file__).parents[2]
POINT = {"a": 0.5, "b": -1.0, "c": 2.0, "d": 0.25}
DOCUMENTATION = (ROOT / "docs" / "reliability.md").read_text()
COMMANDS = re.findall(r"^```bash\n(.*?)^```", DOCUMENTATION, re.DOTALL | re.MULTILINE)
[DUMP] = [commands for commands in COMMANDS if '"$FROM"' in commands]
[RESTORE] = [commands for commands in COMMANDS if '"$INTO"' in commands]


class Sqlite:
    """Backs up and restores by the service's own command."""

    def __init__(self, service: FaultyService, folder: Path) -> None:
        self._from = service.state_dir
        self._file = folder / "slope.backup"
        self._into = folder / "restored" / "var"
        self.environ: dict[str, str] = {}

    def back_up(self) -> None:
        """Copy the database."""
        _admin("backup", self._file, self._from)

    def restore(self) -> None:
        """Make the copy that of a fresh folder."""
        self._into.parent.mkdir()
        _admin("restore", self._file, self._into)


class Postgresql:
    """Backs up and restores by the commands of the documentation, into a fresh database."""

    def __init__(self, postgres: PostgresServer, url: str, redis_url: str, folder: Path) -> None:
        self._folder = folder
        into = postgres.create(f"slope_{uuid4().hex}")
        path = f"{postgres.binaries}:{os.environ['PATH']}"
        urls = {"FROM": _plain(url), "INTO": _plain(into)}
        self._commands_environ = {"PATH": path, **urls}
        self.environ = {"SLOPE_DATABASE_URL": into, "SLOPE_REDIS_URL": redis_url}

    def back_up(self) -> None:
        """Dump the database."""
        self._run(DUMP)

    def restore(self) -> None:
        """Restore the dump."""
        (self._folder / "restored").mkdir()
        self._run(RESTORE)

    def _run(self, commands: str) -> None:
        bash = ["bash", "-euo", "pipefail", "-c", commands]
        _check(bash, self._commands_environ, self._folder)


@pytest.fixture
def backup(
    request: pytest.FixtureRequest,
    environ: dict[str, str],
    service: FaultyService,
    tmp_path: Path,
) -> Iterator[Sqlite | Postgresql]:
    """How the database of the service is backed up, and where it is restored to."""
    url = environ.get("SLOPE_DATABASE_URL")
    if url is None:
        yield Sqlite(service, tmp_path)
        return
    # Empty: nothing of the old world's bells is left.
    redis = RedisServer()
    yield Postgresql(request.getfixturevalue("postgres"), url, redis.url, tmp_path)
    redis.close()


def test_queued_and_running_runs_of_a_restored_backup_go_on(
    service: FaultyService,
    undisturbed: Undisturbed,
    backup: Sqlite | Postgresql,
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    predicted = _predictions(service, undisturbed)
    service.hold("6-inside")
    run_ids = [service.start_run(undisturbed.dataset_id) for _ in range(3)]
    # Two slots: the third waits.
    service.await_held("6-inside")
    for run_id in run_ids[:2]:
        service.await_run(run_id, "running")
    assert service.run(run_ids[2])["status"] == "queued"
    backup.back_up()
    service.release("6-inside")
    deadlines = [_deadline(service, run_id) for run_id in run_ids]
    for run_id in run_ids:
        undisturbed.check(run_id, faults=0)
    backup.restore()
    restored = FaultyService(tmp_path / "restored" / "var", {**environ, **backup.environ})
    try:
        # The time that passed since the backup is not theirs.
        assert all(_deadline(restored, i) > d for i, d in zip(run_ids, deadlines, strict=True))
        for run_id, attempts in zip(run_ids, (2, 2, 1), strict=True):
            run = restored.await_run(run_id, "succeeded", "failed")
            assert (run["status"], run["attempt"]) == ("succeeded", attempts)
            assert run["weights_sha256"] == undisturbed.run["weights_sha256"]
            with restored.sessions.read() as session:
                trial = Trial(session, session.get_one(RunRow, run_id), undisturbed.reference)
                assert list(trial.violations(1)) == []
        # They went on from a checkpoint, and did not begin anew.
        assert any(start["step"] > 0 for start in restored.starts(run_ids[0]))
        assert _predictions(restored, undisturbed) == predicted
    finally:
        restored.close()


def _deadline(service: FaultyService, run_id: str) -> datetime:
    with service.sessions.read() as session:
        return session.get_one(RunRow, run_id).deadline_at


def _predictions(service: FaultyService, undisturbed: Undisturbed) -> Any:
    url = f"/v1/models/{undisturbed.run['model_id']}/predict"
    return service.client.post(url, json={"rows": [POINT]}).raise_for_status().json()


def _admin(command: str, file: Path, state_dir: Path) -> None:
    arguments = [sys.executable, "-m", "service.admin", command, str(file)]
    environ = {name: value for name, value in os.environ.items() if "SLOPE_" not in name}
    _check(arguments, {**environ, "SLOPE_STATE_DIR": str(state_dir)}, ROOT)


def _check(command: list[str], environ: dict[str, str], folder: Path) -> None:
    done = subprocess.run(
        command, env=environ, cwd=folder, capture_output=True, text=True, timeout=60.0, check=False
    )
    assert done.returncode == 0, done.stderr


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")
