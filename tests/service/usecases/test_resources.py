"""Resources: a run is estimated, sent where it gains, and refused where nobody holds it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from service.errors import InvalidRequestError
from service.store.broker import QUEUES
from service.usecases.resources import WORTH_S, Needs, choose_device
from service.usecases.workers import WorkerIdentity, Workers
from workers.engine.speed import Speed

if TYPE_CHECKING:
    from tests.service.usecases.world import World

GIB = 2**30
CPU = WorkerIdentity("wrk_cpu", 1, "host", [QUEUES["cpu"]], slots=1, memory_bytes=GIB)
GPU = replace(CPU, id="wrk_gpu", queues=[QUEUES["cuda"]])
LONG = Needs(memory_bytes=GIB // 2, layers=4, steps=10_000, cpu_seconds=10.0 * WORTH_S)
"""60 ms a step on the CPU, of calls that take a GPU about one."""


def chosen(world: World, wish: str, needs: Needs) -> str:
    with world.sessions.read() as session:
        return choose_device(session, wish, needs)  # type: ignore[arg-type]


def test_a_long_training_of_long_steps_goes_to_a_gpu_that_lives(world: World) -> None:
    workers = Workers(world.sessions)
    workers.announce(CPU)
    assert chosen(world, "auto", LONG) == "cpu"
    workers.announce(GPU)
    assert chosen(world, "auto", LONG) == "cuda"
    assert chosen(world, "cpu", LONG) == "cpu"


@pytest.mark.parametrize(
    "needs",
    [
        replace(LONG, cpu_seconds=None),
        replace(LONG, cpu_seconds=WORTH_S / 2, steps=1_000),
        # As long, but of steps so short that a GPU would spend its time being told of them.
        replace(LONG, steps=1_000_000),
        replace(LONG, memory_bytes=2 * GIB),
    ],
    ids=["speed unknown", "soon over", "short steps", "too large"],
)
def test_auto_stays_on_the_cpu_where_a_gpu_gains_nothing(world: World, needs: Needs) -> None:
    Workers(world.sessions).announce(GPU)
    assert chosen(world, "auto", needs) == "cpu"


@pytest.mark.parametrize(("device", "worker"), [("cpu", CPU), ("cuda", GPU)])
def test_a_run_that_no_living_worker_holds_is_refused(
    world: World, device: str, worker: WorkerIdentity
) -> None:
    workers = Workers(world.sessions)
    workers.announce(worker)
    large = replace(LONG, memory_bytes=GIB + 1)
    with pytest.raises(InvalidRequestError) as refused:
        chosen(world, device, large)
    [problem] = refused.value.problems
    assert (problem.code, problem.limit) == ("run_too_large", GIB)
    assert f"{GIB + 1} bytes" in problem.detail
    workers.announce(replace(worker, id="larger", memory_bytes=2 * GIB))
    assert chosen(world, device, large) == device


def test_without_any_worker_a_large_run_waits_for_one(world: World) -> None:
    assert chosen(world, "cpu", replace(LONG, memory_bytes=100 * GIB)) == "cpu"


def test_a_run_keeps_the_estimate_of_its_memory(world: World) -> None:
    few = world.create(network={"layers": [{"type": "dense", "units": 1}]})
    many = world.create(network={"layers": [{"type": "dense", "units": 1000}]})
    lesser, greater = (world.row(run.id).memory_bytes for run in (few, many))
    assert lesser is not None
    assert greater is not None
    # A thousand units of the one input, with weights, biases and Adam's two slots each.
    assert greater - lesser > 999 * (2 + 1) * 4 * 4


def test_a_refused_run_leaves_nothing_behind(world: World) -> None:
    speed = Speed(1e10, 1e-5, 1e-4, 1e-4).to_plain()
    Workers(world.sessions).announce(replace(CPU, memory_bytes=1, speed=speed))
    with pytest.raises(InvalidRequestError):
        world.create()
    assert world.runs.list(world.project_id).data == []
