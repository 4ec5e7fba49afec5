"""kombu's transport to Redis, for which what is no message is no end of the worker either.

kombu reads a list of the broker and believes that everything in it is a message of its own; what is
not would raise at the heart of the worker's loop, which Celery calls unrecoverable.
"""

from __future__ import annotations

import logging
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

_log = logging.getLogger(__name__)


class TolerantChannel(redis.Channel):
    """Drops what cannot be read, and says so."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            # Not the words of the error: they could be long, and are a stranger's.
            _log.warning("dropped what is no message: %s", type(error).__name__)
            raise Empty from error


class TolerantTransport(redis.Transport):
    """The same, over such channels."""

    Channel = TolerantChannel


def register() -> None:
    """Let `redis://` and its kin mean this transport in the whole process."""
    path = f"{__name__}:{TolerantTransport.__name__}"
    TRANSPORT_ALIASES.update({"redis": path, "rediss": path})
