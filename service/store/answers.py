"""Connections to PostgreSQL on which nobody waits for ever for an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import event

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine import Dialect
    from sqlalchemy.pool import ConnectionPoolEntry

_LOOK_S = 0.1


class AnsweredConnection(psycopg.Connection[Any]):
    """Closes itself where an answer does not come, and raises `OperationalError`.

    The timeouts of the server and of the kernel cannot do that: a server that hangs, or a proxy
    before one that is gone, keeps no time, and acknowledges every packet.
    """

    answer_s: float | None = None

    def wait(self, gen: Any, interval: float = _LOOK_S, timeout: float | None = None) -> Any:
        """Wait for an answer, or for a part of a long one."""
        limit_s = self.answer_s if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit_s)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                # Whatever may still come would be taken for the answer to the next statement.
                self.pgconn.finish()
            raise


def bound_answers(engine: Engine, answer_s: float) -> None:
    """Let every connection of an engine wait for each answer so long and no longer."""

    def connect(
        _dialect: Dialect, _entry: ConnectionPoolEntry, args: Any, options: Any
    ) -> AnsweredConnection:
        connection = AnsweredConnection.connect(*args, **options)
        connection.answer_s = answer_s
        return connection

    event.listen(engine, "do_connect", connect)
