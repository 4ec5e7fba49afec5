"""A worker's signs of life, and its share of the reconciling."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from service.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.store.db import Sessions
    from service.usecases.reconcile import Reconciler
    from service.usecases.workers import WorkerIdentity, Workers

INTERVAL_S = 5.0

_log = logging.getLogger(__name__)


class Presence:
    """What a worker's main process says to the ledger.

    It reconciles too, so that runs go on while the reconciler is away; passes may overlap.
    No connection is left open between two calls: the main process forks.
    """

    def __init__(
        self,
        identity: WorkerIdentity,
        workers: Workers,
        reconciler: Reconciler,
        sessions: Sessions,
    ) -> None:
        self._identity = identity
        self._workers = workers
        self._reconciler = reconciler
        self._sessions = sessions

    def arrive(self) -> None:
        """Say that this worker takes runs."""
        with self._ledger():
            self._workers.announce(self._identity)

    def tick(self) -> None:
        """Give a sign of life and reconcile; every `INTERVAL_S`."""
        with self._ledger():
            if not self._workers.seen(self._identity.id):
                self._workers.announce(self._identity)
            self._reconciler.reconcile()

    def leave(self) -> None:
        """Say that this worker takes no more runs."""
        with self._ledger():
            self._workers.leave(self._identity.id)

    @contextmanager
    def _ledger(self) -> Iterator[None]:
        try:
            yield
        except UnavailableError as error:
            _log.warning("%s Trying again in %g s.", error.detail, INTERVAL_S)
        finally:
            self._sessions.dispose()
