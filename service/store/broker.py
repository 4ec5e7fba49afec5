"""The broker: a doorbell. The ledger is the truth; whatever is lost here is rung again."""

from __future__ import annotations


class BrokerUnavailable(Exception):  # noqa: N818 - said by callers as "broker unavailable"
    """The broker is down or hung; nothing depends on it but speed."""


class Broker:
    """Rings for runs; every call returns or raises within half a second."""

    def __init__(self, url: str) -> None: ...

    def ring(self, run_id: str, *, queue: str, expires_s: float) -> None:
        """Ask any worker of a queue to look at a run; a bell nobody heard expires."""

    def ping(self) -> bool:
        """Tell whether the broker answers."""
        return False

    def check_canary(self) -> bool:
        """Tell whether the broker lost its data since the last check."""
        return False
