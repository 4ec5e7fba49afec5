"""How often and how much at once: counters of this process, never of Redis.

A limit that asked Redis would have to fail open or closed when Redis is away; the hard walls
(queued runs, stored bytes) are rows of the database.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from service.errors import QuotaExceededError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.settings import Limits


class Rates:
    """Counts the requests of every key, the refused keys of every address, and uploads."""

    def __init__(self, limits: Limits) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        # A window of burst / rate seconds that admits `burst`: the burst at once, then the rate.
        window_s = max(1, round(limits.request_burst / limits.requests_per_second))
        self._requests = RateLimitItemPerSecond(limits.requests_per_second * window_s, window_s)
        self._window_s = window_s
        self._refusals = RateLimitItemPerMinute(limits.failed_auth_per_minute)
        self._uploads: Counter[str] = Counter()
        self._uploads_at_once = limits.uploads_at_once

    def count_request(self, key_id: str) -> None:
        """Count a request of a key.

        Raises:
            QuotaExceededError: more than the key's share.
        """
        if not self._limiter.hit(self._requests, "request", key_id):
            detail = f"At most {self._requests.amount} requests in {self._window_s} s."
            raise QuotaExceededError("rate_limited", detail, retry_after_s=self._window_s)

    def count_refusal(self, address: str) -> None:
        """Count a key that was refused.

        Raises:
            QuotaExceededError: too many from this address.
        """
        if not self._limiter.hit(self._refusals, "refusal", address):
            detail = f"At most {self._refusals.amount} refused keys a minute."
            raise QuotaExceededError("too_many_refused_keys", detail, retry_after_s=60)

    @contextmanager
    def upload(self, key_id: str) -> Iterator[None]:
        """Hold one of a key's places for uploads.

        Raises:
            QuotaExceededError: all places are taken.
        """
        if self._uploads[key_id] >= self._uploads_at_once:
            detail = f"At most {self._uploads_at_once} uploads at once."
            raise QuotaExceededError("uploads_at_once", detail, retry_after_s=1)
        self._uploads[key_id] += 1
        try:
            yield
        finally:
            self._uploads[key_id] -= 1
            if not self._uploads[key_id]:
                del self._uploads[key_id]
