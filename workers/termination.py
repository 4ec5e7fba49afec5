"""SIGTERM to a process that trains, which not its worker alone may send.

Some supervisors of services signal every process of a group, and a worker that is told to end
at once signals its pool. A run is put away first; its process then ends as it would have.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Termination:
    """Hears of the signal for the training, and lets it wait until that has ended."""

    def __init__(self) -> None:
        self.is_wanted = False

    @contextmanager
    def postponed(self) -> Iterator[None]:
        """Keep the process from ending within the block; for its main thread alone."""
        usual = signal.signal(signal.SIGTERM, self._hear)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, usual)
            if self.is_wanted:
                os.kill(os.getpid(), signal.SIGTERM)

    def _hear(self, *_: Any) -> None:
        self.is_wanted = True
