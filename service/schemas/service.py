"""The service about itself."""

from __future__ import annotations

from typing import Literal

from service.schemas.wire import Wire


class Live(Wire):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(Wire):
    """Whether everything is there, and what is not."""

    status: Literal["ok", "unavailable"]
    missing: list[str]


class LimitInfo(Wire):
    """A limit: its value now, and what it limits."""

    value: int | float
    description: str
