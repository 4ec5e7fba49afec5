"""The life of one run in a worker: claim, load, train, record, finish."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.clock import Clock
from service.errors import LeaseLostError, UnavailableError
from service.usecases.claims import Outcome
from service.usecases.leases import Leases
from workers.attempt import Attempt
from workers.beginnings import BeginningError
from workers.engine.kernels.contract import Kernels
from workers.engine.kernels.plain import PLAIN
from workers.heartbeat import Heartbeat
from workers.modelling.scratch import Scratch
from workers.tabular.errors import TableError

if TYPE_CHECKING:
    from service.usecases.claims import Claim

CHECKPOINT_S = 15.0
_CLAIM_AGAIN_S = 0.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Takes runs by their id and trains them."""

    leases: Leases
    worker_id: str
    lease_s: float
    clock: Clock
    is_draining: Callable[[], bool]
    """Whether this worker is about to end, so that its runs go back to the queue."""
    ring_next: Callable[[], object]
    """Rings for the next runs in turn: a slot is about to fall free."""
    scratch: Scratch = field(default_factory=Scratch)
    """Where the data of a run lies."""
    kernels: Kernels = PLAIN
    """Those of the device of this process."""
    exit_process: Callable[[int], object] = os._exit
    """Ends a process whose training, or whose ledger, cannot be got hold of any more."""

    def run(self, run_id: str) -> None:
        """Train a run if it is there to be taken; every end of it is in the ledger."""
        claim, claimed_s = self._claim(run_id)
        if claim is None:
            _log.info("%s: not there to be taken", run_id)
            return
        _log.info("%s: attempt %d", run_id, claim.attempt)
        heartbeat = Heartbeat(
            self.leases,
            claim,
            claimed_s=claimed_s,
            lease_s=self.lease_s,
            clock=self.clock,
            exit_process=self.exit_process,
        )
        try:
            with heartbeat:
                self._attempt(claim, heartbeat)
        except LeaseLostError:
            _log.warning("%s: lost to another attempt", run_id)
        with suppress(UnavailableError):
            self.ring_next()

    def _claim(self, run_id: str) -> tuple[Claim | None, float]:
        """Take a run; return it, if it was there, with the time at which it was asked for."""
        asked_s = self.clock.monotonic_s()
        patience_until_s = asked_s + self.lease_s
        while not self.is_draining():
            try:
                return self.leases.claim(run_id, self.worker_id), asked_s
            except UnavailableError as error:
                _log.warning("%s: not claimed. %s", run_id, error.detail)
            if self.clock.monotonic_s() > patience_until_s:
                break
            # The bell has been heard: who rings again takes half a minute to see that in vain.
            time.sleep(_CLAIM_AGAIN_S)
            asked_s = self.clock.monotonic_s()
        return None, asked_s

    def _attempt(self, claim: Claim, heartbeat: Heartbeat) -> None:
        attempt = Attempt(
            leases=self.leases,
            claim=claim,
            heartbeat=heartbeat,
            is_draining=self.is_draining,
            # As much work may be lost as time passes until somebody notices.
            checkpoint_s=min(CHECKPOINT_S, self.lease_s),
            clock=self.clock,
            scratch=self.scratch,
            kernels=self.kernels,
        )
        try:
            attempt.run()
        except LeaseLostError:
            raise
        except Exception as error:  # noqa: BLE001 - a run must not stay "running" for a defect
            outcome = _failure(claim, error)
            heartbeat.insist(lambda: self.leases.finish(claim.run_id, claim.fence, outcome))


def _failure(claim: Claim, error: Exception) -> Outcome:
    if isinstance(error, TableError):
        return Outcome(
            status="failed", stop_reason="invalid_data", error=error.detail, param=error.column
        )
    if isinstance(error, BeginningError):
        return Outcome(status="failed", stop_reason="error", error=error.detail, code=error.code)
    if isinstance(error, MemoryError):
        return Outcome(
            status="failed",
            stop_reason="out_of_memory",
            error="Training needs more memory than a run may use.",
        )
    # Its words may hold a user's values or our paths: they stay in the log.
    _log.error("%s: failed", claim.run_id, exc_info=error)
    return Outcome(
        status="failed",
        stop_reason="error",
        error="Training met an internal error; the worker's log has the details.",
    )
