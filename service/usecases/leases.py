"""Leases: the moves of whoever trains a run, each fenced."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.store.blobs import Blobs
    from service.store.db import Sessions
    from service.usecases.claims import Claim, Orders, Outcome, ProgressPart


class Leases:
    """Claims a run, keeps it, records its progress and ends it.

    Every method but `claim` and `dataset` names the fence of the claim and raises `LeaseLostError`
    once another attempt owns the run; nothing is written then.
    """

    def __init__(self, sessions: Sessions, blobs: Blobs, *, lease_s: float) -> None: ...

    def claim(self, run_id: str, worker_id: str) -> Claim | None:
        """Take a queued run; None when it is not there to be taken (any more)."""

    def dataset(self, claim: Claim) -> bytes:
        """Load the typed Parquet of a claimed run."""

    def heartbeat(self, run_id: str, fence: int) -> Orders:
        """Prolong the lease; return what is asked of the holder."""

    def record(self, run_id: str, fence: int, part: ProgressPart) -> None:
        """Write a piece of progress: metrics, events and perhaps a checkpoint, in one piece."""

    def finish(self, run_id: str, fence: int, outcome: Outcome) -> None:
        """End the run; doing it again with the same outcome changes nothing."""

    def release(self, run_id: str, fence: int, part: ProgressPart | None) -> None:
        """Give the run back to the queue, with a last checkpoint; no crash is counted."""
