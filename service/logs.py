"""Logs: one line per record on stderr, for people or as JSON, alike in all processes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import structlog

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.typing import Processor

LogFormat = Literal["console", "json"]


def configure_logs(log_format: LogFormat) -> None:
    """Send every record of this process to stderr. Times are UTC."""
    _send_to(_formatted(logging.StreamHandler(), make_formatter(log_format)))


def configure_foreground_logs(log_format: LogFormat, file: Path) -> None:
    """Send every record to a file, and briefly to stderr, where somebody may be watching."""
    full = make_formatter(log_format)
    brief = logging.Formatter("{asctime} {message}", "%H:%M:%S", style="{")
    _send_to(
        _formatted(logging.FileHandler(file), full),
        _formatted(logging.StreamHandler(), full if log_format == "json" else brief),
    )


def _formatted(handler: logging.Handler, formatter: logging.Formatter) -> logging.Handler:
    handler.setFormatter(formatter)
    return handler


def _send_to(*handlers: logging.Handler) -> None:
    root = logging.getLogger()
    root.handlers = list(handlers)
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
