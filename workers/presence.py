"""A worker's signs of life, its share of the reconciling, and its end where it hears nothing."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.errors import UnavailableError
from service.store.db import Sessions
from service.usecases.hearing import Hearing
from service.usecases.reconcile import Reconciler
from service.usecases.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from service.usecases.workers import WorkerIdentity
    from workers.hearing import Ear

INTERVAL_S = 5.0

# A worker that was only cut off from its broker hears again within half a minute of its return.
PATIENCE_TICKS = 12

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ledger:
    """What a worker's main process does in the ledger; `sessions` are those of all three."""

    sessions: Sessions
    workers: Workers
    reconciler: Reconciler
    hearing: Hearing


class Presence:
    """What a worker's main process says to the ledger.

    It reconciles too, so that runs go on while the reconciler is away; passes may overlap.
    No connection is left open between two calls: the main process forks.
    """

    def __init__(
        self, identity: WorkerIdentity, ledger: Ledger, ear: Ear, end: Callable[[], None]
    ) -> None:
        """Prepare; `end` ends the worker in order, for whoever keeps it to start it again."""
        self._identity = identity
        self._ledger = ledger
        self._ear = ear
        self._end = end
        self._n_deaf = 0

    def arrive(self) -> None:
        """Say that this worker takes runs."""
        with self._at_ledger() as ledger:
            ledger.workers.announce(self._identity)

    def tick(self) -> None:
        """Give a sign of life and reconcile; every `INTERVAL_S`."""
        with self._at_ledger() as ledger:
            known = ledger.workers.seen(self._identity.id, heard_ago_s=self._ear.silent_s())
            if not known:
                ledger.workers.announce(self._identity)
            ledger.reconciler.reconcile()
            self._end_if_deaf(ledger.hearing)

    def leave(self) -> None:
        """Say that this worker takes no more runs."""
        with self._at_ledger() as ledger:
            ledger.workers.leave(self._identity.id)

    def _end_if_deaf(self, hearing: Hearing) -> None:
        is_deaf = self._identity.id in hearing.deaf()
        self._n_deaf = self._n_deaf + 1 if is_deaf else 0
        if self._n_deaf >= PATIENCE_TICKS:
            _log.critical("Bells hang and this worker hears none: ending, to start anew.")
            self._end()

    @contextmanager
    def _at_ledger(self) -> Iterator[Ledger]:
        try:
            yield self._ledger
        except UnavailableError as error:
            _log.warning("%s Trying again in %g s.", error.detail, INTERVAL_S)
        finally:
            self._ledger.sessions.dispose()
