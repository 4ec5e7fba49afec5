"""Pid files, the owner of a state folder, and children that cannot outlive their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from service.processes import (
    FolderError,
    forget_pid,
    make_state_dir,
    own_state_dir,
    pid_file,
    write_pid,
)

if TYPE_CHECKING:
    from pathlib import Path

OWN_AND_WAIT = """
import sys, pathlib
from service.processes import own_state_dir
lock = own_state_dir(pathlib.Path(sys.argv[1]))
print("owned", flush=True)
sys.stdin.read()
"""

FORK_AND_WAIT = """
import subprocess, sys
from service.processes import end_with_parent
child = subprocess.Popen(["sleep", "600"], start_new_session=True, preexec_fn=end_with_parent())
print(child.pid, flush=True)
sys.stdin.read()
"""


def python(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_pid_file_says_where_a_process_is_until_it_is_forgotten(tmp_path: Path) -> None:
    write_pid(tmp_path, "api", 41)
    write_pid(tmp_path, "api", 42)
    assert pid_file(tmp_path, "api").read_text() == "42\n"
    forget_pid(tmp_path, "api")
    forget_pid(tmp_path, "api")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_state_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    make_state_dir(tmp_path / "a" / "var")
    assert (tmp_path / "a" / "var").stat().st_mode & 0o077 == 0
    make_state_dir(tmp_path / "a" / "var")


def test_a_state_folder_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "var"
    path.touch()
    with pytest.raises(FolderError, match=str(path)):
        make_state_dir(path)


def test_a_state_folder_has_one_owner_and_survives_his_death(tmp_path: Path) -> None:
    make_state_dir(tmp_path)
    owner = python(OWN_AND_WAIT, str(tmp_path))
    assert first_line(owner) == "owned"
    write_pid(tmp_path, "supervisor", owner.pid)
    with pytest.raises(FolderError, match=f"pid {owner.pid}"):
        own_state_dir(tmp_path)
    kill(owner)
    os.close(own_state_dir(tmp_path))


def test_a_child_ends_with_a_parent_that_is_killed() -> None:
    parent = python(FORK_AND_WAIT)
    child = psutil.Process(int(first_line(parent)))
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    psutil.wait_procs([child], timeout=5.0)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
