"""The operator's door: migrations and keys, on each database."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from service.errors import UnauthenticatedError
from service.usecases.projects import Projects

if TYPE_CHECKING:
    from pathlib import Path

    from service.store.db import Sessions
    from tests.servers.postgres import PostgresServer
    from tests.servers.service import Service


def admin(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    settings = {name: value for name, value in os.environ.items() if "SLOPE_" not in name}
    return subprocess.run(
        [sys.executable, "-m", "service.admin", *arguments],
        env=settings | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_key_is_printed_once_and_opens_its_project(sessions: Sessions, database_url: str) -> None:
    result = admin(
        *("keys", "create", "--project", "lab", "--scopes", "read"),
        SLOPE_DATABASE_URL=database_url,
    )
    assert result.returncode == 0, result.stderr
    projects = Projects(sessions)
    principal = projects.authenticate(result.stdout.strip())
    assert principal.project_id == projects.ensure_project("lab")
    assert principal.scopes == {"read"}


@pytest.mark.parametrize("named_by", ["id", "beginning", "whole"])
def test_a_key_is_listed_and_can_be_revoked(
    sessions: Sessions, database_url: str, named_by: str
) -> None:
    projects = Projects(sessions)
    other = projects.create_key("lab")[1]
    key_id, secret = projects.create_key("lab")
    lines = admin("keys", "list", SLOPE_DATABASE_URL=database_url).stdout.splitlines()
    assert [line.split()[0] for line in lines][-1] == key_id
    assert all(secret not in line and line.endswith("valid") for line in lines)
    names = {"id": key_id, "beginning": lines[-1].split()[1], "whole": secret}
    revoked = admin("keys", "revoke", names[named_by], SLOPE_DATABASE_URL=database_url)
    assert (revoked.returncode, revoked.stdout) == (0, f"{key_id}\n")
    with pytest.raises(UnauthenticatedError):
        projects.authenticate(secret)
    assert projects.authenticate(other)


def test_a_key_from_a_secret_file_is_adopted_as_often_as_one_likes(
    sessions: Sessions, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "first-key"
    file.write_text(admin("keys", "generate").stdout)
    create = ("keys", "create", "--project", "default", "--secret-file", str(file))
    printed = [admin(*create, SLOPE_DATABASE_URL=database_url).stdout for _ in range(2)]
    principal = Projects(sessions).authenticate(file.read_text().strip())
    assert printed == [f"{principal.key_id}\n"] * 2


def test_migrate_makes_the_first_key_and_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / "api-key"
    keys = []
    for _ in range(2):
        result = admin("migrate", "--first-key", str(file), SLOPE_STATE_DIR=str(tmp_path))
        assert result.returncode == 0, result.stderr
        keys.append(file.read_text())
    assert keys[0] == keys[1]
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("keys", "create", "--project", "p", "--scopes", "everything"), "Scopes are read, write"),
        (("keys", "create", "--project", "p", "--secret-file", "/nonexistent"), "/nonexistent"),
        (("keys", "revoke", "key_unknown"), "no such key"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    database_url: str, arguments: tuple[str, ...], said: str
) -> None:
    result = admin(*arguments, SLOPE_DATABASE_URL=database_url)
    assert result.returncode == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_projects_share_is_set_and_shown(sessions: Sessions, database_url: str) -> None:
    projects = Projects(sessions)
    for name in ("lab", "shop"):
        projects.ensure_project(name)
    environ = {"SLOPE_DATABASE_URL": database_url, "SLOPE_LIMIT_RUNS_RUNNING": "3"}
    assert admin("projects", "limit", "lab", "--running", "12", **environ).returncode == 0
    shown = admin("projects", "list", **environ).stdout.splitlines()
    assert shown == ["lab  12", "shop  3 (the service's)"]
    assert admin("projects", "limit", "lab", **environ).returncode == 0
    assert projects.limits() == [("lab", None), ("shop", None)]


@pytest.mark.parametrize(("name", "running"), [("lab", "0"), ("nobody", "2")])
def test_a_share_of_nothing_or_of_nobody_is_refused(
    sessions: Sessions, database_url: str, name: str, running: str
) -> None:
    Projects(sessions).ensure_project("lab")
    arguments = ("projects", "limit", name, "--running", running)
    assert admin(*arguments, SLOPE_DATABASE_URL=database_url).returncode == 2
    assert Projects(sessions).limits() == [("lab", None)]


def test_a_backup_comes_back_where_nothing_is_and_nobody_serves(
    service: Service, tmp_path: Path
) -> None:
    file = tmp_path / "slope.backup"
    made = admin("backup", str(file), SLOPE_STATE_DIR=str(service.state_dir))
    assert made.returncode == 0, made.stderr
    refused = admin("restore", str(file), SLOPE_STATE_DIR=str(service.state_dir))
    assert refused.returncode == 2
    assert f"pid {service.pid('supervisor')}" in refused.stderr
    assert service.is_ready()
    fresh = {"SLOPE_STATE_DIR": str(tmp_path / "fresh")}
    restored = admin("restore", str(file), **fresh)
    assert restored.returncode == 0, restored.stderr
    ids = [
        admin("keys", "list", **of).stdout
        for of in (fresh, {"SLOPE_STATE_DIR": str(service.state_dir)})
    ]
    assert ids[0] == ids[1] != ""


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_server_is_left_to_its_own_tools(
    postgres: PostgresServer, tmp_path: Path, command: str
) -> None:
    url = postgres.url("anything")
    result = admin(command, str(tmp_path / "file"), SLOPE_DATABASE_URL=url)
    assert result.returncode == 2
    assert "pg_dump" in result.stderr
    assert list(tmp_path.iterdir()) == []
