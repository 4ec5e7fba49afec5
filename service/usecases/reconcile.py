"""Reconciliation: whatever was lost comes back, by looking at the ledger again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.store.broker import Broker
    from service.store.db import Sessions


@dataclass(frozen=True)
class Reconciled:
    """What one pass did: run ids."""

    reaped: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    rung: tuple[str, ...] = ()


class Reconciler:
    """Safe to run anywhere, any time, several at once."""

    def __init__(self, sessions: Sessions, broker: Broker) -> None: ...

    def reconcile(self) -> Reconciled:
        """Reap expired leases, fail what is past its deadline, ring for what waits."""

    def ring(self) -> tuple[str, ...]:
        """Ring for runs that wait while there is room; a worker may call it after each run."""
