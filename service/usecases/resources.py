"""Resources: what a run will take of a machine, and which of the workers that live can give it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from service.errors import InvalidRequestError, Problem
from service.store.broker import QUEUES
from service.usecases.workers import capacities, latest_speed
from workers.engine import cost
from workers.engine.speed import Speed, seconds_per_epoch
from workers.modelling.planned_inputs import planned_network, planned_rows
from workers.modelling.size_checks import with_folds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from service.usecases.workers import Capacity
    from workers.modelling.plan import ModelPlan
    from workers.tabular.profile import TableProfile

Device = Literal["cpu", "cuda"]

# A GPU is told of every operation one by one: about a third of a millisecond for each layer of a
# step, however small the layer. Only where the CPU takes several times as long does it gain.
GPU_LAYER_S = 0.0003
WORTH_TIMES = 4.0
# It is opened anew for each run, which takes seconds: a training that is soon over stays here.
WORTH_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a training takes, as estimated before it."""

    memory_bytes: int
    layers: int
    steps: int
    cpu_seconds: float | None
    """On the CPU of the worker that came last; None where none has said how fast it is."""

    @property
    def is_worth_a_gpu(self) -> bool:
        """Whether a GPU ends it sooner, as far as one can know."""
        if self.cpu_seconds is None or self.cpu_seconds < WORTH_S:
            return False
        return self.cpu_seconds / self.steps >= WORTH_TIMES * GPU_LAYER_S * self.layers


def needs(plan: ModelPlan, profile: TableProfile, speed: Mapping[str, float] | None) -> Needs:
    """Estimate what a plan takes on a table."""
    network, training = planned_network(plan, profile), plan.training
    n_rows, n_validation = planned_rows(plan, profile)
    trainings, memories = with_folds(plan.split)
    known = None if speed is None else Speed.from_plain(speed)
    return Needs(
        memory_bytes=memories * cost.estimate(network, training, n_rows, n_validation).memory_bytes,
        # The loss is a layer, too, as far as calls are counted.
        layers=len(network.layers) + 1,
        steps=trainings
        * training.members
        * training.epochs
        * math.ceil(n_rows / training.batch_size),
        cpu_seconds=None
        if known is None
        else trainings
        * training.epochs
        * seconds_per_epoch(network, training, n_rows, known, n_validation),
    )


def estimate(session: Session, plan: ModelPlan, profile: TableProfile) -> Needs:
    """Estimate what a plan takes on a table, with the speed of the workers that live."""
    return needs(plan, profile, latest_speed(session))


def choose_device(session: Session, wish: Literal["auto", "cpu", "cuda"], wanted: Needs) -> Device:
    """Return what the run trains on: "auto" is a GPU where one lives, has room, and gains time.

    Raises:
        InvalidRequestError: `device_unavailable`, no live worker has a GPU; `run_too_large`,
            none of those that live can hold the run. Where none lives, the run waits for one.
    """
    able = capacities(session)
    gpu = able.get(QUEUES["cuda"])
    if wish == "auto":
        gains = gpu is not None and gpu.holds(wanted.memory_bytes) and wanted.is_worth_a_gpu
        device: Device = "cuda" if gains else "cpu"
    else:
        device = wish
    if device == "cuda" and gpu is None:
        detail = 'No worker with a GPU is running. Send "cpu" or "auto", or start one.'
        raise InvalidRequestError([Problem("/device", "device_unavailable", detail)])
    _require_room(able.get(QUEUES[device]), device, wanted)
    return device


def _require_room(able: Capacity | None, device: Device, wanted: Needs) -> None:
    if able is None or able.holds(wanted.memory_bytes):
        return
    detail = (
        f"Training needs about {wanted.memory_bytes} bytes of memory; "
        f"the largest {device} worker gives {able.memory_bytes}."
    )
    problem = Problem("/training", "run_too_large", detail, able.memory_bytes)
    raise InvalidRequestError([problem])
