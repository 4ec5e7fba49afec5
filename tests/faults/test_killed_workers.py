"""kill -9 in the middle of a run: it finishes, bit by bit as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from service.schemas.runs import RunSpec
from service.store.blobs import Blobs
from service.store.db import Sessions, make_engine
from service.store.tables import DatasetRow
from service.usecases.plans import plan_of
from tests.faults.service import EPOCHS, FaultyService
from workers.attempt import values_of
from workers.computing import kernels_for
from workers.engine.training import TrainingState, train
from workers.modelling.codec import weights_to_bytes
from workers.modelling.estimator import prepare
from workers.tabular.parquet import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.postgres import PostgresServer
    from tests.servers.redis import RedisServer

LEASE_S = 2.0


class Undisturbed:
    """A run that nothing happened to: through the service, and in this process by the libraries."""

    def __init__(self, service: FaultyService, database_url: str) -> None:
        self.dataset_id = service.upload()
        self.run_id = service.start_run(self.dataset_id)
        self.run = service.await_run(self.run_id, "succeeded", "failed")
        self.metrics = service.metrics(self.run_id)
        self.reference_sha256, self.reference_metrics = self._train_here(database_url)

    def _train_here(self, database_url: str) -> tuple[str, dict[str, list[float]]]:
        spec = RunSpec.model_validate_json(json.dumps(self.run["spec"]))
        sessions = Sessions(make_engine(database_url))
        with sessions.read() as session:
            digest = session.scalars(select(DatasetRow.blob_sha256)).first()
            data = Blobs().get(session, str(digest))
        sessions.dispose()
        prepared = prepare(read_table(data), plan_of(spec))
        state = TrainingState.initial(prepared.network, spec.training, spec.seed)
        curves: dict[str, list[float]] = {}
        steps = train(
            prepared.network,
            state,
            prepared.data,
            spec.training,
            spec.seed,
            kernels=kernels_for("cpu"),
        )
        for progress in steps:
            if progress.report is not None:
                for name, value in values_of(progress.report, spec.training).items():
                    curves.setdefault(name, []).append(value)
        weights = weights_to_bytes(prepared.network, state.final_parameters(spec.training))
        return hashlib.sha256(weights).hexdigest(), curves


DATABASES = [
    # One pytest process per database, or each would start a service of its own.
    pytest.param(name, marks=pytest.mark.xdist_group(f"faults-{name}"))
    for name in ("sqlite", "postgresql")
]


@pytest.fixture(scope="module", params=DATABASES)
def environ(request: pytest.FixtureRequest) -> dict[str, str]:
    settings = {"SLOPE_LEASE_SECONDS": str(LEASE_S), "SLOPE_WORKER_PROCESSES": "2"}
    if request.param == "sqlite":
        return settings
    postgres: PostgresServer = request.getfixturevalue("postgres")
    redis: RedisServer = request.getfixturevalue("redis_server")
    redis.flush()
    url = postgres.create(f"slope_{uuid4().hex}")
    return {**settings, "SLOPE_DATABASE_URL": url, "SLOPE_REDIS_URL": redis.url}


@pytest.fixture(scope="module")
def service(
    environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultyService]:
    it = FaultyService(tmp_path_factory.mktemp("faults") / "var", environ)
    yield it
    it.close()


@pytest.fixture(scope="module")
def undisturbed(service: FaultyService, environ: dict[str, str]) -> Undisturbed:
    sqlite = f"sqlite:///{service.state_dir / 'slope.db'}"
    return Undisturbed(service, environ.get("SLOPE_DATABASE_URL", sqlite))


def check_it_is_as_if_nothing_had_happened(
    service: FaultyService, undisturbed: Undisturbed, run: dict[str, Any]
) -> None:
    assert run["status"] == "succeeded", run["error"]
    assert run["weights_sha256"] == undisturbed.reference_sha256
    assert run["reproducible"] is True
    assert service.metrics(run["id"]) == undisturbed.metrics
    events = service.events(run["id"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    completed = [e["data"]["epoch"] for e in events if e["type"] == "epoch.completed"]
    assert completed == list(range(1, EPOCHS + 1))


def test_an_undisturbed_run_is_what_the_libraries_compute(undisturbed: Undisturbed) -> None:
    assert undisturbed.run["status"] == "succeeded"
    assert undisturbed.run["attempt"] == 1
    assert undisturbed.run["weights_sha256"] == undisturbed.reference_sha256
    assert undisturbed.metrics["epochs"] == list(range(1, EPOCHS + 1))
    assert undisturbed.metrics["series"] == undisturbed.reference_metrics


@pytest.mark.parametrize("place", ["5", "6-inside"])
def test_a_run_survives_kill_9_of_its_process(
    service: FaultyService, undisturbed: Undisturbed, place: str
) -> None:
    service.hold(place)
    run_id = service.start_run(undisturbed.dataset_id)
    worker = service.pid("worker")
    os.kill(service.await_held(place), signal.SIGKILL)
    service.release(place)
    run = service.await_run(run_id, "succeeded", "failed")
    assert run["attempt"] == 2
    assert service.pid("worker") == worker
    check_it_is_as_if_nothing_had_happened(service, undisturbed, run)


def test_a_run_survives_kill_9_of_the_worker(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_held("6-inside")
    service.kill("worker")
    service.release("6-inside")
    run = service.await_run(run_id, "succeeded", "failed")
    assert run["attempt"] == 2
    check_it_is_as_if_nothing_had_happened(service, undisturbed, run)


def test_runs_survive_kill_9_of_everything_and_a_new_start(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("6-inside")
    running = [service.start_run(undisturbed.dataset_id) for _ in range(2)]
    queued = service.start_run(undisturbed.dataset_id)
    service.await_held("6-inside")
    service.crash()
    service.release("6-inside")
    service.start()
    for run_id in (*running, queued):
        run = service.await_run(run_id, "succeeded", "failed")
        check_it_is_as_if_nothing_had_happened(service, undisturbed, run)
    assert service.run(queued)["attempt"] == 1


def test_sigterm_gives_a_run_back_with_a_checkpoint_and_counts_no_crash(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_held("6-inside")
    os.kill(service.pid("worker"), signal.SIGTERM)
    service.release("6-inside")
    run = service.await_run(run_id, "succeeded", "failed")
    moves = [(move["status"], move["reason"]) for move in run["status_history"]]
    assert moves[2] == ("queued", "drained")
    resumed = [event["message"] for event in service.events(run_id) if event["type"] == "log"]
    assert any("after epoch 5" in message for message in resumed)
    check_it_is_as_if_nothing_had_happened(service, undisturbed, run)


def test_a_process_that_was_frozen_past_its_lease_writes_nothing_more(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    frozen = service.await_held("6-inside")
    os.kill(frozen, signal.SIGSTOP)
    try:
        service.release("6-inside")
        run = service.await_run(run_id, "succeeded", "failed")
        events = service.events(run_id)
    finally:
        os.kill(frozen, signal.SIGCONT)
    log = service.state_dir / "logs" / "worker.log"
    service.await_that(log.read_text, lambda text: f"{run_id}: lost to another attempt" in text)
    assert service.run(run_id) == run
    assert service.events(run_id) == events
    check_it_is_as_if_nothing_had_happened(service, undisturbed, run)


def test_a_run_comes_back_while_the_reconciler_hangs(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    reconciler = service.pid("reconciler")
    os.kill(reconciler, signal.SIGSTOP)
    try:
        service.hold("6-inside")
        run_id = service.start_run(undisturbed.dataset_id)
        os.kill(service.await_held("6-inside"), signal.SIGKILL)
        service.release("6-inside")
        run = service.await_run(run_id, "succeeded", "failed")
    finally:
        os.kill(reconciler, signal.SIGCONT)
    assert run["attempt"] == 2
    check_it_is_as_if_nothing_had_happened(service, undisturbed, run)
