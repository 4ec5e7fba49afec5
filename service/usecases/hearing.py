"""Hearing: whether the workers that live still hear their bells.

A worker may live, and keep its lease on what it trains, and yet take no message any more: its
connection to the broker stands, and nothing comes through it. A canary for every queue shows that.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import select

from service.store.broker import BrokerUnavailableError
from service.store.instants import db_now
from service.store.tables import WorkerRow
from service.usecases.workers import is_alive

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.store.broker import Broker
    from service.store.db import Sessions

CANARY_S = 30.0
"""Between two rounds of canaries."""

DEAF_S = 120.0
"""A worker with a free slot that heard nothing for so long, while messages hang, is deaf."""


class Hearing:
    """Rings canaries, and tells who misses what hangs."""

    def __init__(self, sessions: Sessions, broker: Broker) -> None:
        self._sessions = sessions
        self._broker = broker

    def ring_canaries(self) -> None:
        """Ring as many canaries as workers live, in every queue in which nothing hangs already.

        Whoever waits longest takes the next message, so that about each of them hears one.
        """
        with self._sessions.read() as session:
            living = Counter(
                queue
                for queues in session.scalars(select(WorkerRow.queues).where(*is_alive()))
                for queue in queues
            )
        try:
            for queue, count in living.items():
                # What hangs shows the same; and while all are busy canaries would pile up.
                for _ in range(0 if self._broker.hanging(queue) else count):
                    self._broker.ring_canary(queue)
        except BrokerUnavailableError:
            return

    def deaf(self) -> frozenset[str]:
        """Return the ids of the workers that live and miss what hangs for them."""
        with self._sessions.read() as session:
            silent = silent_workers(session)
        try:
            return frozenset(
                worker_id
                for worker_id, queues in silent.items()
                if any(self._broker.hanging(queue) for queue in queues)
            )
        except BrokerUnavailableError:
            # Nobody hears anything then, and nobody is to blame for it.
            return frozenset()


def silent_workers(session: Session) -> dict[str, list[str]]:
    """Return the workers that live and have long heard nothing, with their queues."""
    silent = (*is_alive(), WorkerRow.heard_at < db_now(-DEAF_S))
    found = session.execute(select(WorkerRow.id, WorkerRow.queues).where(*silent))
    return dict(found.all())
