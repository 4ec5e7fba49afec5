"""The sweep: what nothing names or needs any more is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.usecases.idempotency import Idempotency
from service.usecases.workers import Workers

if TYPE_CHECKING:
    from service.store.blobs import Blobs
    from service.store.db import Sessions

# Longer than any transaction between putting a blob and naming it.
YOUNG_S = 3600.0


@dataclass(frozen=True)
class Swept:
    """How many of each were deleted."""

    blobs: int
    idempotency_keys: int
    workers: int


class Sweep:
    """For the reconciler, about once an hour."""

    def __init__(self, sessions: Sessions, blobs: Blobs) -> None:
        self._sessions = sessions
        self._blobs = blobs

    def sweep(self) -> Swept:
        """Delete blobs without a name, keys older than a week, workers silent for a day."""
        with self._sessions.begin() as session:
            blobs = self._blobs.delete_unreferenced(session, YOUNG_S)
        keys = Idempotency(self._sessions).forget()
        return Swept(blobs, keys, Workers(self._sessions).forget())
