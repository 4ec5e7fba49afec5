"""Logs: one line per record on stderr, for people or as JSON, alike in all processes."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path


def configure_logs(log_format: Literal["console", "json"], copy: Path | None = None) -> None:
    """Send every record of this process to stderr, and to the file `copy`. Times are UTC."""
    formatter = JsonFormatter() if log_format == "json" else _console()
    formatter.converter = time.gmtime
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if copy is not None:
        handlers.append(logging.FileHandler(copy))
    for handler in handlers:
        handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = handlers
    root.setLevel(logging.INFO)


class JsonFormatter(logging.Formatter):
    """One JSON object per line; a traceback is text in `exception`, without the frames' locals."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        line = {
            "timestamp": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            "pid": record.process,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _console() -> logging.Formatter:
    return logging.Formatter(
        "{asctime}.{msecs:03.0f}Z {levelname:<7} {name}: {message}", "%Y-%m-%dT%H:%M:%S", style="{"
    )
