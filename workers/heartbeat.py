"""The lease of one run, kept alive from a thread; says how far the claim can be trusted."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from service.errors import LeaseLostError, UnavailableError
from service.usecases.claims import NewEvent, Orders
from workers.stall import Silence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    from service.clock import Clock
    from service.schemas.runs import Requested
    from service.usecases.claims import Claim
    from service.usecases.leases import Leases

T = TypeVar("T")

EXIT_STUCK = 86
"""Exit code of a process that could neither keep its lease nor let go of it."""

EXIT_STALLED = 87
"""Exit code of a process whose training did nothing any more."""

_LONGEST_INTERVAL_S = 5.0
_RETRY_S = 0.5
# How long after a confirmed heartbeat the run is ours beyond doubt: less than the lease, since
# this process may be stopped between reading its clock and acting on it.
_TRUSTED_LEASE = 0.8
_STUCK_LEASES = 2.0

_log = logging.getLogger(__name__)


class Heartbeat:
    """A context in which a claimed run's lease is prolonged.

    The training thread asks `orders` between steps. While no heartbeat is confirmed it waits
    there rather than compute what another attempt may be computing too.
    """

    def __init__(
        self,
        leases: Leases,
        claim: Claim,
        *,
        claimed_s: float,
        lease_s: float,
        clock: Clock,
        exit_process: Callable[[int], object] = os._exit,
    ) -> None:
        """Prepare; `claimed_s` is the monotonic time at which the claim was sent."""
        self._leases = leases
        self._claim = claim
        self._lease_s = lease_s
        self._clock = clock
        self._exit_process = exit_process
        self._trusted_until_s = claimed_s + _TRUSTED_LEASE * lease_s
        self._orders: Orders | None = None
        self._is_lost = False
        self._news = threading.Condition()
        self._ended = threading.Event()
        self._calls: dict[int, float] = {}
        self._silence = Silence(clock, longest_look_s=lease_s)
        self._beater = threading.Thread(target=self._beat_until_ended, daemon=True)
        self._watchdog = threading.Thread(target=self._watch_until_ended, daemon=True)

    def __enter__(self) -> Self:
        self._beater.start()
        self._watchdog.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        # A last heartbeat may still be under way; it is harmless, and not worth a long wait.
        self._beater.join(self._lease_s)

    def orders(self) -> Orders | None:
        """Return the latest orders, None before the first; waits while the lease is in doubt.

        To be asked after every step: a training that no longer does is taken for hung.

        Raises:
            LeaseLostError: the run is another's now.
        """
        self._silence.step()
        with self._news:
            while not self._is_lost and self._clock.monotonic_s() > self._trusted_until_s:
                # A thread that died of a defect confirms nothing any more.
                self._is_lost = not self._beater.is_alive()
                self._news.wait(_RETRY_S)
            if self._is_lost:
                raise LeaseLostError(self._claim.run_id, self._claim.fence)
            return self._orders

    def heed(self, requested: Requested | None) -> None:
        """Take notice of a wish that another answer of the ledger brought along."""
        with self._news:
            known = self._orders or Orders(None, drain=False, overdue=False)
            self._orders = replace(known, requested=requested)

    def insist(self, call: Callable[[], T]) -> T:
        """Call the database, again and again while it is away and the lease is ours.

        For calls that change nothing when repeated: the answer of one may have been lost.

        Raises:
            LeaseLostError: the run is another's now.
        """
        while True:
            try:
                with self._in_database():
                    result = call()
                self._silence.sign()
            except UnavailableError:
                with self._news:
                    self._news.wait(_RETRY_S)
                self.orders()
            else:
                return result

    @contextmanager
    def _in_database(self) -> Iterator[None]:
        """Mark a call to the database, which the watchdog does not let last for ever."""
        me = threading.get_ident()
        self._calls[me] = self._clock.monotonic_s()
        try:
            yield
        finally:
            del self._calls[me]

    def _beat_until_ended(self) -> None:
        interval_s = min(self._lease_s / 3, _LONGEST_INTERVAL_S)
        delay_s = interval_s
        while not self._ended.wait(delay_s):
            sent_s = self._clock.monotonic_s()
            try:
                with self._in_database():
                    orders = self._leases.heartbeat(self._claim.run_id, self._claim.fence)
            except UnavailableError:
                delay_s = min(interval_s, _RETRY_S)
                _log.warning("%s: heartbeat not confirmed, trying again", self._claim.run_id)
                continue
            except LeaseLostError:
                self._lose()
                return
            delay_s = interval_s
            with self._news:
                self._orders = orders
                self._trusted_until_s = sent_s + _TRUSTED_LEASE * self._lease_s
                self._news.notify_all()
            # After heartbeats that came through alone: a training that waits for the ledger does
            # no step either, and is not to blame.
            if self._silence.look():
                self._give_up()
                return

    def _lose(self) -> None:
        with self._news:
            self._is_lost = True
            self._news.notify_all()

    def _give_up(self) -> None:
        """End the process, which nothing else can do to a thread that hangs.

        The lease then expires, and that counts as a crash: the next attempt goes on from the last
        checkpoint, and a run that always hangs uses up its crash budget.
        """
        seconds = round(self._silence.seconds)
        told = NewEvent(
            "log",
            f"Training has done no step for {seconds} s: its process is ended.",
            level="error",
            data={"code": "stalled", "seconds": seconds},
        )
        _log.critical("%s: stalled for %d s, leaving", self._claim.run_id, seconds)
        with suppress(LeaseLostError, UnavailableError), self._in_database():
            self._leases.tell(self._claim.run_id, self._claim.fence, [told])
        self._exit_process(EXIT_STALLED)

    def _watch_until_ended(self) -> None:
        # A socket behind which nobody answers cannot be interrupted from another thread, and
        # keep-alive does not help where a proxy acknowledges. Ending the process frees its slot.
        patience_s = _STUCK_LEASES * self._lease_s
        while not self._ended.wait(self._lease_s / 3):
            now_s = self._clock.monotonic_s()
            is_stuck = any(now_s - since_s > patience_s for since_s in list(self._calls.values()))
            if is_stuck and now_s > self._trusted_until_s + patience_s:
                _log.critical("%s: stuck in a database call, leaving", self._claim.run_id)
                self._exit_process(EXIT_STUCK)
                return
