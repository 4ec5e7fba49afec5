"""The API process: composes its parts, and serves them.

`python -m service.app` serves; `service.app:create` is the factory for its worker processes.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

import uvicorn
from threadpoolctl import threadpool_info

from service.api.auth import Gate
from service.api.edge import Edge
from service.api.fast_lane import FastLane
from service.api.parts import Parts
from service.api.rates import Rates
from service.api.routed import routed_app
from service.api.server import SERVER
from service.api.upload import clean_uploads
from service.clock import SystemClock
from service.logs import configure_logs
from service.processes import write_pid
from service.settings import Limits, Settings, SettingsError, load_settings
from service.store.blobs import Blobs
from service.store.broker import Broker
from service.store.db import Sessions, make_engine
from service.usecases.datasets import Datasets
from service.usecases.events import Events
from service.usecases.health import Health
from service.usecases.idempotency import Idempotency
from service.usecases.model_cache import ModelCache
from service.usecases.networks import Networks
from service.usecases.predictions import Predictions
from service.usecases.projects import SCOPES, Principal, Projects
from service.usecases.reports import Reports
from service.usecases.runs import Runs
from service.usecases.traces import Traces
from workers.tabular.parquet import use_system_memory

if TYPE_CHECKING:
    from starlette.types import ASGIApp

EXIT_SETTINGS = 2
_LOCAL_PROJECT = "default"


def create_app(parts: Parts) -> ASGIApp:
    """Return the whole HTTP application on these parts."""
    return Edge(FastLane(routed_app(parts), parts), parts.limits)


def compose(settings: Settings, limits: Limits) -> Parts:
    """Return the parts that the settings ask for."""
    clock = SystemClock()
    sessions = Sessions(make_engine(settings.resolved_database_url))
    blobs = Blobs()
    broker = Broker(settings.resolved_redis_url)
    projects = Projects(sessions)
    rates = Rates(limits)
    everyone = _everyone(projects) if settings.auth == "off" else None
    return Parts(
        limits=limits,
        gate=Gate(projects, rates, clock, everyone=everyone),
        rates=rates,
        uploads_dir=clean_uploads(settings.state_dir.resolve() / "uploads", limits),
        datasets=Datasets(sessions, blobs, limits),
        networks=Networks(sessions, limits),
        traces=Traces(sessions, blobs, limits),
        runs=Runs(sessions, blobs, broker, limits),
        events=Events(sessions),
        reports=Reports(sessions),
        predictions=Predictions(sessions, blobs, ModelCache(clock), limits),
        idempotency=Idempotency(sessions),
        health=Health(sessions, broker),
        close=sessions.dispose,
    )


def create() -> ASGIApp:
    """Return the application that the environment asks for."""
    settings, limits = load_settings(os.environ)
    configure_logs(settings.log_format)
    _check_threads()
    use_system_memory()
    app = create_app(compose(settings, limits))
    _settle_memory()
    return app


def main() -> int:
    """Serve until a signal; return the exit code."""
    try:
        settings, _ = load_settings(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"slope: {error}\n")
        return EXIT_SETTINGS
    write_pid(settings.state_dir, "api", os.getpid())
    uvicorn.run(
        "service.app:create",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.api_processes,
        **SERVER,
        # In flight requests end by themselves; streams are told to (`DeadlineProtocol.shutdown`).
        timeout_graceful_shutdown=max(1, int(settings.shutdown_seconds)),
    )
    return 0


def _settle_memory() -> None:
    # What the start built stays for ever: each full collection would look through all of it, and
    # stop every request meanwhile (150 ms, seen as the slowest polls of `.ci/bench scale`).
    gc.collect()
    gc.freeze()


def _everyone(projects: Projects) -> Principal:
    return Principal(projects.ensure_project(_LOCAL_PROJECT), "local", SCOPES)


def _check_threads() -> None:
    # Predictions have the bits of training only with the same number of BLAS threads.
    threads = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
    if threads - {1}:
        raise SettingsError("OPENBLAS_NUM_THREADS must be 1 before NumPy is imported")


if __name__ == "__main__":
    sys.exit(main())
