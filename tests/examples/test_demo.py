"""The demo as a stranger runs it: the whole service, in processes of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from examples.line import C, M, noisy_line
from examples.penguins import CSV, UNSEEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEMO = [sys.executable, "-m", "examples.demo"]
END_S = 15.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the demo keeps its state, so that its processes can be told from all others."""
    return tmp_path


@contextmanager
def _demo(folder: Path, **environ: str) -> Iterator[subprocess.Popen[str]]:
    settings = os.environ | {"TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"} | environ
    with subprocess.Popen(
        DEMO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=settings
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(END_S)


def _left_behind(folder: Path) -> list[str]:
    """Processes of the demo's service that still live."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("SLOPE_STATE_DIR", "").startswith(str(folder))
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def test_the_demo_learns_a_line_and_penguins_and_leaves_nothing(folder: Path) -> None:
    # A service of the user's own must not be met.
    with _demo(folder, SLOPE_PORT="1", SLOPE_DATABASE_URL="postgresql://nowhere/") as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    for name, true in (("m", M), ("c", C)):
        match = re.search(rf"{name}  true ([\d.]+)  learned ([\d.]+)", output)
        assert match is not None
        assert float(match[1]) == true
        assert float(match[2]) == pytest.approx(true, rel=0.02)
    accuracy = re.search(r"Validation accuracy ([\d.]+)%", output)
    assert accuracy is not None
    assert float(accuracy[1]) >= 95.0
    assert len(re.findall(r"^ +(?:Torgersen|Biscoe|Dream),", output, re.MULTILINE)) == len(UNSEEN)
    assert "make serve" in output
    assert "\x1b" not in output
    assert "\r" not in output
    assert _left_behind(folder) == []
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(folder: Path, number: signal.Signals) -> None:
    with _demo(folder) as process:
        assert process.stdout is not None
        while "Ready" not in (line := process.stdout.readline()):
            assert line, "the demo ended before it was ready"
        process.send_signal(number)
        output, _ = process.communicate(timeout=END_S)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert _left_behind(folder) == []
    assert list(folder.iterdir()) == []


def test_a_service_that_cannot_start_is_told_and_leaves_nothing(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    broken = tmp_path_factory.mktemp("bin") / "redis-server"
    broken.write_text("#!/bin/sh\necho out of order\nexit 1\n")
    broken.chmod(0o755)
    with _demo(folder, PATH=f"{broken.parent}:{os.environ['PATH']}") as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "The service did not start." in output
    assert "out of order" in output
    assert "Traceback" not in output
    assert _left_behind(folder) == []
    assert list(folder.iterdir()) == []


def test_the_points_of_the_line_are_as_stated() -> None:
    header, *rows = noisy_line().decode().splitlines()
    points = [tuple(map(float, row.split(","))) for row in rows]
    assert header == "x,y"
    residuals = [y - (M * x + C) for x, y in points]
    mean = sum(residuals) / len(residuals)
    assert abs(mean) < 0.05
    assert noisy_line() == noisy_line()


def test_the_unseen_penguins_are_of_no_row_of_the_table() -> None:
    header, *rows = CSV.read_text().splitlines()
    seen = {tuple(row.split(",")[2:6]) for row in rows}
    columns = header.split(",")[2:6]
    for penguin in UNSEEN:
        measures = tuple(str(penguin[name]) for name in columns)
        assert measures not in seen
        assert set(penguin) == set(header.split(",")) - {"species"}
