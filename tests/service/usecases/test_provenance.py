"""What a run's weights come from can be read, and computed again."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from service.errors import NotFoundError
from service.schemas.runs import ReplayWish
from service.usecases.claims import Outcome, ProgressPart
from service.usecases.projects import Projects
from tests.service.usecases.world import progress

if TYPE_CHECKING:
    from tests.service.usecases.world import World

DONE = Outcome(status="succeeded", stop_reason="max_epochs", weights_sha256="a" * 64)


def test_the_digest_of_the_specification_can_be_computed_by_anyone(world: World) -> None:
    run = world.create(labels={"äöü": "%"}, seed=5)
    found = json.loads(world.runs.provenance(world.project_id, run.id).model_dump_json())
    text = json.dumps(
        found["spec"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    assert found["spec_sha256"] == hashlib.sha256(text).hexdigest()
    assert (found["seed"], found["dataset"]["id"]) == (5, run.dataset_id)
    assert found["dataset"]["sha256"] == "0" * 64
    assert found["dataset"]["stored_sha256"] == hashlib.sha256(b"the typed Parquet").hexdigest()
    assert (found["attempts"], found["weights_sha256"]) == ([], None)


def test_every_attempt_is_told_with_its_worker_and_its_end(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id, "wrk_1@host").fence
    begun = ProgressPart(epoch=0, step=0, trained_seconds=0.0, numerics={"engine": "9"})
    world.leases.record(run.id, fence, begun)
    world.leases.release(run.id, fence, progress(1, state=b"state"))
    world.claim(run.id, "wrk_2@host")
    world.expire(run.id)
    world.reconciler.reconcile()
    world.shift(run.id, available_at=0.0)
    last = world.claim(run.id, "wrk_1@host").fence
    running = world.runs.provenance(world.project_id, run.id).attempts[-1]
    assert (running.ended_at, running.ended_by) == (None, None)
    world.leases.finish(run.id, last, DONE)
    found = world.runs.provenance(world.project_id, run.id)
    assert [attempt.attempt for attempt in found.attempts] == [1, 2, 3]
    assert [attempt.ended_by for attempt in found.attempts] == [
        "drained",
        "worker_lost",
        "max_epochs",
    ]
    fences = [attempt.fence for attempt in found.attempts]
    assert fences == sorted(set(fences))
    first, second, third = (attempt.worker for attempt in found.attempts)
    assert first == third != second
    assert "host" not in found.model_dump_json()
    assert (found.weights_sha256, found.engine_version) == ("a" * 64, "9")


def test_a_run_knows_whom_it_goes_on_from_and_who_repeats_it(world: World) -> None:
    runs = [world.create()]
    for _ in range(2):
        fence = world.claim(runs[-1].id).fence
        world.leases.record(runs[-1].id, fence, progress(len(runs), state=b"state"))
        world.leases.finish(runs[-1].id, fence, DONE)
        newest = world.runs.checkpoints(world.project_id, runs[-1].id).data[0]
        runs.append(world.create(parent={"checkpoint_id": newest.id, "mode": "continue"}))
    again = world.runs.replay(world.project_id, runs[0].id, ReplayWish.model_validate({}))
    grandchild = world.runs.provenance(world.project_id, runs[2].id)
    assert [parent.run_id for parent in grandchild.parents] == [runs[1].id, runs[0].id]
    first = world.runs.provenance(world.project_id, runs[0].id)
    assert [(r.run_id, r.identical) for r in first.replays] == [(again.id, None)]
    assert world.runs.provenance(world.project_id, again.id).replay_of == runs[0].id
    world.runs.delete(world.project_id, runs[0].id)
    grandchild = world.runs.provenance(world.project_id, runs[2].id)
    assert [parent.run_id for parent in grandchild.parents] == [runs[1].id, runs[0].id]


def test_nobody_else_is_told(world: World) -> None:
    run = world.create()
    other = Projects(world.sessions).ensure_project("second")
    with pytest.raises(NotFoundError):
        world.runs.provenance(other, run.id)
