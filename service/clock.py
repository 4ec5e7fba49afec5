"""Time as an argument: the one place that reads the host's clocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for what people read, monotonic time for what is measured."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never steps back."""


class SystemClock:
    """The host's clocks."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never steps back."""
        return time.monotonic()
