"""Hearing: when a worker last answered a bell, and what it does with a canary.

A canary is a message that asks for nothing. The worker's main process answers it at once, so that
no training's process is spent on it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from celery.worker import state

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.clock import Clock

_log = logging.getLogger(__name__)


class Ear:
    """Keeps the moment of the last bell."""

    def __init__(self, clock: Clock, n_slots: int) -> None:
        self._clock = clock
        self._n_slots = n_slots
        self._heard_s = clock.monotonic_s()

    def hear(self) -> None:
        """Note that a message came from the broker."""
        self._heard_s = self._clock.monotonic_s()

    def silent_s(self) -> float:
        """Return for how long no bell was heard, although a slot was free to answer one."""
        if len(state.reserved_requests) >= self._n_slots:
            # A worker that is busy takes no message: it misses nothing.
            self.hear()
        return self._clock.monotonic_s() - self._heard_s


def answer_at_once(hear: Callable[[], None]) -> Callable[..., Any]:
    """Return Celery's strategy for a task whose messages are heard, and that is all."""

    def strategy(_task: Any, _app: Any, consumer: Any) -> Callable[..., None]:
        def on_message(
            _message: Any, _body: Any, ack: Callable[..., None], *_: Any, **__: Any
        ) -> None:
            # As Celery does for its own: a broker that goes away now is no end of the worker.
            ack(_log, consumer.connection_errors)
            hear()

        return on_message

    return strategy
