"""Logs: one line per record on stderr, for people or as JSON, alike in all processes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import structlog

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.typing import Processor

LogFormat = Literal["console", "json"]


def configure_logs(log_format: LogFormat, copy: Path | None = None) -> None:
    """Send every record of this process to stderr, and to the file `copy`. Times are UTC."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if copy is not None:
        handlers.append(logging.FileHandler(copy))
    formatter = make_formatter(log_format)
    for handler in handlers:
        handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = handlers
    root.setLevel(logging.INFO)


def make_formatter(log_format: LogFormat) -> logging.Formatter:
    """Return the formatter; a JSON record is one line also with a traceback in it."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.CallsiteParameterAdder(
            [structlog.processors.CallsiteParameter.PROCESS]
        ),
    ]
    last: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if log_format == "json"
        # Locals of a frame could be rows of a user's table: plain tracebacks have none.
        else [
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
