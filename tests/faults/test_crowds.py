"""A project that floods the queue does not keep another one waiting."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx2
from sqlalchemy import delete, func, select

from service.schemas.runs import RunCreate
from service.settings import load_settings
from service.store.blobs import Blobs
from service.store.tables import RunRow
from service.usecases.projects import Projects
from service.usecases.runs import Runs
from tests.faults.service import wave, wish_for

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed

N_FLOOD = 500
N_SLOTS = 2


def test_the_first_run_of_a_project_waits_for_no_crowd_of_another(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    projects = Projects(service.sessions)
    _, secret = projects.create_key("newcomer")
    newcomer = httpx2.Client(
        base_url=service.base_url, headers={"Authorization": f"Bearer {secret}"}, timeout=30.0
    )
    file = {"file": ("wave.csv", wave(), "text/csv")}
    dataset_id = newcomer.post("/v1/datasets", files=file).raise_for_status().json()["id"]
    _, limits = load_settings({"SLOPE_LIMIT_RUNS_QUEUED": str(2 * N_FLOOD)})
    runs = Runs(service.sessions, Blobs(), service.broker, limits)
    crowd = projects.ensure_project("default")
    service.hold("1-inside@flood")
    wish = wish_for(undisturbed.dataset_id, "flood") | {"training": {"epochs": 1}}
    flood = [
        runs.create(crowd, RunCreate.model_validate_json(json.dumps(wish))).id
        for _ in range(N_FLOOD)
    ]
    service.await_held("1-inside@flood")
    mine = newcomer.post("/v1/runs", json=wish_for(dataset_id)).raise_for_status().json()
    service.release("1-inside@flood")
    service.await_that(
        lambda: newcomer.get(f"/v1/runs/{mine['id']}").json()["status"],
        lambda status: status not in ("queued", "running"),
    )
    newcomer.close()
    with service.sessions.begin() as session:
        session.execute(delete(RunRow).where(RunRow.id.in_(flood), RunRow.status == "queued"))
    # Those for whom the bell hung already, one in reserve for each slot, and one more round.
    assert n_started_before(service, mine["id"]) <= 2 * N_SLOTS
    undisturbed.check_ledger(mine["id"], faults=0)


def n_started_before(service: FaultyService, run_id: str) -> int:
    """Return how many runs began while this one waited."""
    with service.sessions.read() as session:
        mine = session.get_one(RunRow, run_id)
        between = (RunRow.started_at > mine.created_at, RunRow.started_at < mine.started_at)
        return session.scalar(select(func.count()).where(*between)) or 0
