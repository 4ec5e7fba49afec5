"""Logs: what a record looks like, for people and for programs."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from service.logs import LogFormat, configure_foreground_logs, configure_logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CELL = "a cell of somebody's table"


@pytest.fixture(autouse=True)
def _handlers_come_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers, root.level = handlers, level


def fail_with_a_local() -> None:
    cell = CELL
    try:
        raise ZeroDivisionError("by zero") if cell else AssertionError
    except ZeroDivisionError:
        logging.getLogger("slope.test").exception("run %s failed", "run_x")


def test_a_json_record_is_one_line_also_with_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("json")
    fail_with_a_local()
    [line] = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert record["event"] == "run run_x failed"
    assert (record["level"], record["logger"]) == ("error", "slope.test")
    assert record["timestamp"].endswith("Z")
    assert "ZeroDivisionError: by zero" in record["exception"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_values(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(log_format)
    fail_with_a_local()
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert CELL not in said


def test_in_the_foreground_lines_are_brief_and_a_file_has_them_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_foreground_logs("console", tmp_path / "supervisor.log")
    logging.getLogger("slope.test").info("api started")
    assert capsys.readouterr().err.split(" ", 1)[1] == "api started\n"
    assert "slope.test" in (tmp_path / "supervisor.log").read_text()
