"""The process that brings back what was lost, by looking at the ledger every second."""

from __future__ import annotations

import logging
import os
import sys
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
from service.usecases.reconcile import Reconciler
from service.usecases.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.usecases.reconcile import Reconciled

_TICK_S = 1.0
_SWEEP_S = 3600.0

_log = logging.getLogger("slope.reconciler")


def main(environ: Mapping[str, str]) -> int:
    """Reconcile until a signal ends the process; return its exit code."""
    settings, _ = load_settings(environ)
    configure_logs(settings.log_format)
    write_pid(settings.state_dir, "reconciler", os.getpid())
    sessions = Sessions(make_engine(settings.resolved_database_url, pool_size=1))
    reconciler = Reconciler(sessions, Broker(settings.resolved_redis_url))
    sweep = Sweep(sessions, Blobs())
    signals = SignalQueue(*STOP)
    clock = SystemClock()
    is_away = False
    sweep_due_s = clock.monotonic_s()
    while True:
        try:
            log_reconciled(reconciler.reconcile())
            if clock.monotonic_s() >= sweep_due_s:
                _log.info("swept %s", sweep.sweep())
                sweep_due_s = clock.monotonic_s() + _SWEEP_S
            is_away = False
        except UnavailableError as error:
            if not is_away:
                _log.warning("%s Trying again every second.", error.detail)
            is_away = True
        if signals.wait(_TICK_S):
            return 0


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
