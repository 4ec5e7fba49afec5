"""`slope serve` is the supervisor, with the options as its settings."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def _serve(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", "serve", *options]
    return subprocess.run(
        command, env=os.environ | environ, capture_output=True, text=True, timeout=30, check=False
    )


def test_a_taken_port_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = _serve("--port", port, "--state-dir", str(tmp_path / "var"))
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert port in ended.stderr


def test_a_folder_that_is_none_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    ended = _serve("--port", "0", "--state-dir", str(file))
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1


def test_a_setting_that_cannot_be_used_is_exit_code_2(tmp_path: Path) -> None:
    ended = _serve("--state-dir", str(tmp_path / "var"), SLOPE_AUTH="perhaps")
    assert ended.returncode == 2
    assert "SLOPE_AUTH" in ended.stderr
