"""Devices: a run goes to the workers that have what it asks for, and is refused without any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.errors import InvalidRequestError
from service.store.broker import QUEUES
from service.usecases.bells import RESERVE
from service.usecases.workers import WorkerIdentity, Workers

if TYPE_CHECKING:
    from tests.service.usecases.world import World

CPU = WorkerIdentity("wrk_cpu", 1, "host", [QUEUES["cpu"]], slots=1)
GPU = WorkerIdentity("wrk_gpu", 2, "host", [QUEUES["cuda"]], slots=1)


def test_a_run_for_a_gpu_is_refused_where_no_worker_has_one(world: World) -> None:
    workers = Workers(world.sessions)
    workers.announce(CPU)
    with pytest.raises(InvalidRequestError) as refused:
        world.create(device="cuda")
    [problem] = refused.value.problems
    assert (problem.pointer, problem.code) == ("/device", "device_unavailable")
    workers.announce(GPU)
    assert world.create(device="cuda").device == "cuda"
    workers.drain(GPU.id)
    with pytest.raises(InvalidRequestError):
        world.create(device="cuda")


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_run_goes_to_a_cpu_unless_it_asks_for_a_gpu(world: World, device: str) -> None:
    Workers(world.sessions).announce(GPU)
    run = world.create(device=device)
    assert run.device == "cpu"
    assert world.row(run.id).queue == QUEUES["cpu"]


def test_the_bell_of_a_run_rings_in_the_queue_of_its_device(world: World) -> None:
    Workers(world.sessions).announce(GPU)
    run = world.create(device="cuda")
    assert world.row(run.id).queue == QUEUES["cuda"]
    assert world.broker.queues == {run.id: QUEUES["cuda"]}


def test_runs_that_wait_for_one_device_hold_up_none_for_the_other(world: World) -> None:
    workers = Workers(world.sessions)
    workers.announce(CPU)
    workers.announce(GPU)
    hanging = CPU.slots + RESERVE
    for _ in range(2 * hanging):
        world.create()
    assert len(world.broker.rung) == hanging
    run = world.create(device="cuda")
    assert world.broker.rung[hanging:] == [run.id]
