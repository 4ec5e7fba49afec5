"""The process that brings back what was lost, by looking at the ledger every second."""

from __future__ import annotations

import logging
import os
import sys
from math import inf
from typing import TYPE_CHECKING

from service.clock import SystemClock
from service.errors import UnavailableError
from service.logs import configure_logs
from service.processes import write_pid
from service.settings import load_settings
from service.signals import STOP, SignalQueue
from service.store.blobs import Blobs
from service.store.broker import Broker
from service.store.db import Sessions, make_engine
from service.usecases.hearing import CANARY_S, Hearing
from service.usecases.outages import Outages
from service.usecases.reconcile import Reconciler
from service.usecases.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.usecases.reconcile import Reconciled

_TICK_S = 1.0
_SWEEP_S = 3600.0

_log = logging.getLogger("slope.reconciler")


def main(environ: Mapping[str, str]) -> int:
    """Reconcile until a signal ends the process; return its exit code."""
    settings, limits = load_settings(environ)
    configure_logs(settings.log_format)
    write_pid(settings.state_dir, "reconciler", os.getpid())
    sessions = Sessions(make_engine(settings.resolved_database_url, pool_size=1))
    broker = Broker(settings.resolved_redis_url)
    clock = SystemClock()
    outages = Outages(sessions, clock.monotonic_s, every_s=_TICK_S)
    reconciler = Reconciler(sessions, broker, outages, limits.runs_running)
    duties = (
        Duty(lambda: log_reconciled(reconciler.reconcile())),
        Duty(Hearing(sessions, broker).ring_canaries, CANARY_S),
        Duty(lambda: _log.info("swept %s", Sweep(sessions, Blobs()).sweep()), _SWEEP_S),
    )
    signals = SignalQueue(*STOP)
    is_away = False
    while True:
        try:
            for duty in duties:
                duty.do_if_due(clock.monotonic_s())
            is_away = False
        except UnavailableError as error:
            if not is_away:
                _log.warning("%s Trying again every second.", error.detail)
            is_away = True
        if signals.wait(_TICK_S):
            return 0


class Duty:
    """Something to do again and again; one that failed is due at once."""

    def __init__(self, do: Callable[[], object], interval_s: float = 0.0) -> None:
        self._do = do
        self._interval_s = interval_s
        self._due_s = -inf

    def do_if_due(self, now_s: float) -> None:
        """Do it, at most once in an interval."""
        if now_s >= self._due_s:
            self._do()
            self._due_s = now_s + self._interval_s


def log_reconciled(done: Reconciled) -> None:
    """Say what a pass did; most do nothing, and nothing is said of them."""
    for what, run_ids in (
        ("took back", done.reaped),
        ("failed", done.failed),
        ("rang for", done.rung),
    ):
        if run_ids:
            _log.info("%s %s", what, ", ".join(run_ids))


if __name__ == "__main__":
    sys.exit(main(os.environ))
