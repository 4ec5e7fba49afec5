"""Composition root of a worker: the Celery app, and the parts its processes are made of.

SIGTERM ends a worker. Celery then waits for its trainings, however long; the flag raised here tells
them to give their runs back to the queue, so that the wait is short.
"""

from __future__ import annotations

import gc
import logging
import mmap
import os
import resource
import signal
import socket
from functools import cache
from pathlib import Path
from typing import Any

# NumPy and pyarrow load these when they are first used: here, so that pool processes share them.
import pyarrow.compute  # noqa: F401
from celery import Celery, bootsteps, signals
from celery.worker import state
from numpy import ma, random  # noqa: F401
from threadpoolctl import threadpool_info

from service.clock import SystemClock
from service.ids import new_id
from service.logs import configure_logs
from service.processes import Role, write_pid
from service.settings import load_settings
from service.store.blobs import Blobs
from service.store.broker import QUEUES, Broker, celery_settings
from service.store.db import Sessions, make_engine
from service.store.tolerant_transport import register
from service.usecases.bells import Bells
from service.usecases.hearing import Hearing
from service.usecases.leases import Leases
from service.usecases.outages import Outages
from service.usecases.reconcile import Reconciler
from service.usecases.workers import WorkerIdentity, Workers
from workers.computing import DeviceError, DeviceFacts, check, kernels_for
from workers.engine.speed import measure
from workers.hearing import Ear
from workers.machine import memory_bytes
from workers.modelling.scratch import Scratch
from workers.presence import INTERVAL_S, Ledger, Presence
from workers.runner import Runner
from workers.tabular.parquet import use_system_memory
from workers.termination import Termination

_log = logging.getLogger(__name__)

_STATEMENT_TIMEOUT_S = 15.0
# What a run's estimate leaves out: its table, its report, the allocator's waste.
_MEMORY_MARGIN = 2
_LAST_RESORT_S = 120
# What Celery takes to stop an idle pool: its loops look around once a second.
_POOL_STOP_S = 1.5

settings, limits = load_settings(os.environ)

termination = Termination()

# Made before the pool forks: the main process writes, the pool processes read.
_drain_flag = mmap.mmap(-1, 1)
_worker_id = new_id("wrk")


def _n_processes() -> int:
    # Trainings that share a GPU only wait for each other, and its memory is not divided.
    return settings.n_worker_processes if settings.device == "cpu" else 1


ear = Ear(SystemClock(), _n_processes())


@cache
def presence() -> Presence:
    """Return the main process's part."""
    sessions = Sessions(make_engine(settings.resolved_database_url, pool_size=1))
    broker = Broker(settings.resolved_redis_url)
    facts = _device()
    identity = WorkerIdentity(
        id=_worker_id,
        pid=os.getpid(),
        host=socket.gethostname(),
        queues=(QUEUES[settings.device],),
        slots=_n_processes(),
        memory_bytes=_memory_of_a_run(facts),
        speed=_speed(),
        numerics=facts.numerics,
    )
    outages = Outages(sessions, SystemClock().monotonic_s, every_s=INTERVAL_S)
    reconciler = Reconciler(sessions, broker, outages, limits.runs_running)
    ledger = Ledger(sessions, Workers(sessions), reconciler, Hearing(sessions, broker))
    return Presence(identity, ledger, ear, end=_end)


def _end() -> None:
    # As after SIGTERM, but with an exit code that tells whoever looks that it was no wish.
    state.should_stop = os.EX_TEMPFAIL


@cache
def _device() -> DeviceFacts:
    return check(settings.device)


def _memory_of_a_run(facts: DeviceFacts) -> int:
    # As much as the machine has: that all slots train runs of that size is not to be expected.
    able = (limits.run_memory_bytes, memory_bytes() // _MEMORY_MARGIN, facts.memory_bytes)
    return min(n_bytes for n_bytes in able if n_bytes is not None)


def _speed() -> dict[str, float] | None:
    """Return what this machine trains at; a GPU is not opened for it."""
    if settings.device != "cpu":
        return None
    return measure(kernels_for(settings.device)).to_plain()


@cache
def runner() -> Runner:
    """Return a pool process's part; first called after the fork, as its connections must be."""
    engine = make_engine(
        settings.resolved_database_url,
        statement_timeout_s=_STATEMENT_TIMEOUT_S,
        # For claims: of a run that is held its watchdog, after two leases, ends the process first.
        answer_timeout_s=max(_STATEMENT_TIMEOUT_S, 3 * settings.lease_seconds),
        # One connection for the training, one for its heartbeat.
        pool_size=2,
    )
    sessions = Sessions(engine)
    broker = Broker(settings.resolved_redis_url)
    return Runner(
        leases=Leases(
            sessions,
            Blobs(),
            lease_s=settings.lease_seconds,
            runs_running=limits.runs_running,
        ),
        worker_id=_worker_id,
        lease_s=settings.lease_seconds,
        clock=SystemClock(),
        is_draining=lambda: _drain_flag[0] != 0 or termination.is_wanted,
        ring_next=Bells(sessions, broker, limits.runs_running).ring_all,
        scratch=Scratch(settings.state_dir),
        kernels=kernels_for(settings.device),
    )


class LeavingStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Bounds how long a worker that ends, for whatever reason, may take."""

    # Stopped before the pool is: what waits for the pool is what must be bounded.
    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        """Do nothing yet."""

    def stop(self, _worker: Any) -> None:
        """Tell the trainings to put their work away; not everything that ends it is a signal."""
        _drain()


class PresenceStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Ticks on the main process's own event loop: a thread would stand beside its forks."""

    def register_with_event_loop(self, _worker: Any, hub: Any) -> None:
        """Start ticking; called again after each reconnection to the broker."""
        hub.call_repeatedly(INTERVAL_S, presence().tick)


register()
app = Celery("slope")
app.config_from_object(
    celery_settings(settings.resolved_redis_url, shutdown_s=settings.shutdown_seconds)
)
app.conf.worker_concurrency = _n_processes()
app.conf.task_default_queue = QUEUES[settings.device]
# The last resort, where neither orders nor the watchdog of a run end what its deadline should have.
# No soft limit: it would raise between any two instructions.
app.conf.task_time_limit = limits.run_seconds + _LAST_RESORT_S
if settings.device == "cuda":
    # A GPU's errors stay with the process that met them, and so does what a run left there.
    app.conf.worker_max_tasks_per_child = 1
app.steps["worker"].add(PresenceStep)
app.steps["worker"].add(LeavingStep)


def _set_up_logging(**_: Any) -> None:
    configure_logs(settings.log_format)


def _check_device(**_: Any) -> None:
    try:
        facts = _device()
    except DeviceError as error:
        raise SystemExit(f"SLOPE_DEVICE={settings.device}: {error}") from None
    _log.info("computing on %s", facts.name)


def _write_pid(**_: Any) -> None:
    role: Role = "worker" if settings.device == "cpu" else "worker-cuda"
    write_pid(settings.state_dir, role, os.getpid())


def _share_memory(**_: Any) -> None:
    # A collection in the child would write to every object, and so copy every page.
    gc.collect()
    gc.freeze()


def _prepare_process(**_: Any) -> None:
    if any(library["num_threads"] != 1 for library in threadpool_info()):
        raise RuntimeError("set OPENBLAS_NUM_THREADS=1: bits depend on the number of threads")
    use_system_memory()
    # The device first: what its libraries keep is not for the runs to pay.
    runner()
    _limit_memory(_MEMORY_MARGIN * limits.run_memory_bytes)


def _arrive(**_: Any) -> None:
    presence().arrive()


def _drain(**_: Any) -> None:
    if _drain_flag[0]:
        # A second signal does not buy more time: whoever sends them counts from the first.
        return
    _drain_flag[0] = 1
    # What is not put away by then comes back through its lease, as after a crash.
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.setitimer(signal.ITIMER_REAL, settings.shutdown_seconds + _POOL_STOP_S)


def _leave(**_: Any) -> None:
    presence().leave()


def _limit_memory(n_bytes: int) -> None:
    """Let this process take so much more; a run over it gets MemoryError, not the OOM killer."""
    status = Path("/proc/self/status").read_text()
    used = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData:"))
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    wanted = 1024 * used + n_bytes
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    # Data, not address space: memory that is mapped but never touched costs nobody anything.
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))


signals.setup_logging.connect(_set_up_logging)
signals.worker_init.connect(_check_device)
signals.worker_init.connect(_write_pid)
signals.worker_before_create_process.connect(_share_memory)
signals.worker_process_init.connect(_prepare_process)
signals.worker_ready.connect(_arrive)
signals.worker_shutting_down.connect(_drain)
signals.worker_shutdown.connect(_leave)
