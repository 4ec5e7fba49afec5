"""Children that are started again, later each time, and end with all they started."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from service.children import Child, Program
from service.processes import make_state_dir, pid_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

PARENT_AND_CHILD = """
import subprocess, sys
print(subprocess.Popen(["sleep", "600"]).pid, flush=True)
sys.stdin.read() or __import__("time").sleep(600)
"""


class SetClock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        raise NotImplementedError

    def monotonic_s(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def child(tmp_path: Path, clock: SetClock) -> Iterator[Child]:
    make_state_dir(tmp_path)
    command = (sys.executable, "-c", PARENT_AND_CHILD)
    it = Child(Program("worker", command, dict(os.environ)), tmp_path, clock)
    yield it
    it.kill()


def pid(tmp_path: Path) -> int:
    return int(pid_file(tmp_path, "worker").read_text())


def await_that(is_so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 10.0
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def kill_and_watch(child: Child, tmp_path: Path) -> None:
    os.kill(pid(tmp_path), signal.SIGKILL)

    def is_buried() -> bool:
        child.watch()
        return not pid_file(tmp_path, "worker").exists()

    await_that(is_buried)


def test_a_child_that_dies_is_started_again_later_each_time(
    child: Child, tmp_path: Path, clock: SetClock
) -> None:
    child.start()
    delays = []
    for _ in range(7):
        kill_and_watch(child, tmp_path)
        delays.append(child.due_in_s())
        clock.seconds += delays[-1] - 0.01
        child.watch()
        assert not pid_file(tmp_path, "worker").exists()
        clock.seconds += 0.01
        child.watch()
        assert psutil.pid_exists(pid(tmp_path))
    assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_a_minute_of_health_is_forgiven_everything(
    child: Child, tmp_path: Path, clock: SetClock
) -> None:
    child.start()
    for _ in range(3):
        kill_and_watch(child, tmp_path)
        clock.seconds += 30.0
        child.watch()
    clock.seconds += 60.0
    kill_and_watch(child, tmp_path)
    assert child.due_in_s() == 1.0


def test_what_a_child_started_ends_with_it(child: Child, tmp_path: Path) -> None:
    child.start()
    await_that(lambda: child.log.read_text().endswith("\n"))
    grandchild = psutil.Process(int(child.log.read_text()))
    kill_and_watch(child, tmp_path)
    psutil.wait_procs([grandchild], timeout=5.0)
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_a_child_that_was_asked_to_end_is_not_started_again(
    child: Child, tmp_path: Path, clock: SetClock
) -> None:
    child.start()
    child.terminate()
    await_that(child.is_gone)
    clock.seconds += 100.0
    child.watch()
    assert not pid_file(tmp_path, "worker").exists()


def test_a_log_file_does_not_grow_for_ever(child: Child) -> None:
    child.log.write_bytes(b"x" * (11 * 2**20))
    child.start()
    assert child.log.stat().st_size < 2**20
    assert child.log.with_suffix(".log.1").stat().st_size == 11 * 2**20
