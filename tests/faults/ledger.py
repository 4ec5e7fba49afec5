"""A worker's view of the ledger, with places in it: around each COMMIT, and between chunks.

A record of progress that has a checkpoint comes to `before_commit`, `mid_chunks`, `after_commit`;
the end of a run to `finishing`, `before_finish`, `after_finish`.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.engine import Engine

from service.store.db import Sessions
from service.usecases.leases import Leases
from tests.faults.places import come_to, take

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sqlalchemy.orm import Session

    from service.schemas.runs import Requested
    from service.usecases.claims import Claim, Orders, Outcome, ProgressPart


class _Watched(threading.local):
    """What this thread writes: its heartbeat's transactions come to no places."""

    call: str | None = None


class _Process:
    """A process trains one run at a time."""

    run_name: str | None = None


_watched = _Watched()
_process = _Process()


def run_name() -> str | None:
    """Return what the label `fault` calls the run of this process."""
    return _process.run_name


class StoppingSessions(Sessions):
    """Comes to a place before and after each COMMIT of a call that is watched."""

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Begin a transaction that may write."""
        with super().begin() as session:
            yield session
            if _watched.call is not None:
                # Else its statements would only be sent with the COMMIT.
                session.flush()
                come_to(f"before_{_watched.call}", run_name())
        if _watched.call is not None:
            come_to(f"after_{_watched.call}", run_name())


class StoppingLeases(Leases):
    """Watches the calls that write checkpoints and ends; its heartbeat can die."""

    def claim(self, run_id: str, worker_id: str) -> Claim | None:
        """Take a queued run."""
        claim = super().claim(run_id, worker_id)
        if claim is not None:
            _process.run_name = claim.spec.labels.get("fault")
        return claim

    def heartbeat(self, run_id: str, fence: int) -> Orders:
        """Prolong the lease, unless a test wants the thread to die of a defect."""
        if take(f"deaf-{run_name()}"):
            raise SystemExit  # The one error that ends a thread without a word.
        return super().heartbeat(run_id, fence)

    def record(self, run_id: str, fence: int, part: ProgressPart) -> Requested | None:
        """Write a piece of progress."""
        is_watched = part.checkpoint is not None and part.checkpoint.step > 0
        with _watching("commit" if is_watched else None):
            return super().record(run_id, fence, part)

    def finish(self, run_id: str, fence: int, outcome: Outcome) -> None:
        """End the run."""
        come_to("finishing", run_name())
        with _watching("finish"):
            super().finish(run_id, fence, outcome)


@contextmanager
def _watching(call: str | None) -> Iterator[None]:
    _watched.call = call
    try:
        yield
    finally:
        _watched.call = None


@event.listens_for(Engine, "after_cursor_execute")
def _between_chunks(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if _watched.call == "commit" and statement.startswith("INSERT INTO blob_chunks"):
        come_to("mid_chunks", run_name())
