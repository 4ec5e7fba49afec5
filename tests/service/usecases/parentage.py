"""A run that ended, and runs that begin with one of its checkpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy

from service.schemas.runs import RunCreate
from service.usecases.claims import (
    BestEpoch,
    EpochMetrics,
    NewCheckpoint,
    Outcome,
    ProgressPart,
)
from tests.service.usecases.world import progress

if TYPE_CHECKING:
    from service.schemas.runs import Run
    from tests.service.usecases.world import World

NETWORK = {"layers": [{"type": "dense", "units": 3, "activation": "tanh"}]}
WISH: dict[str, Any] = {
    "network": NETWORK,
    "training": {
        "epochs": 10,
        "batch_size": 5,
        "optimizer": {"type": "sgd", "learning_rate": 0.1},
        "checkpoint_every": 2,
    },
    "split": {"validation": 0.3},
    "seed": 7,
    "budget": {"seconds": 60.0},
    "model": "line",
    "labels": {"team": "x"},
    "priority": 3,
}
WEIGHTS = safetensors.numpy.save(
    {
        "layers.0.weight": np.zeros((1, 3), np.float32),
        "layers.0.bias": np.zeros(3, np.float32),
        "layers.1.weight": np.zeros((3, 1), np.float32),
        "layers.1.bias": np.zeros(1, np.float32),
    }
)


def ended_run(world: World) -> Run:
    """A run that ended after ten epochs, of which it knew the eighth as the best."""
    run = world.create(**WISH)
    fence = world.claim(run.id).fence
    initial = NewCheckpoint(kind="initial", epoch=0, step=0, weights=WEIGHTS)
    begun = ProgressPart(epoch=0, step=0, trained_seconds=0.0, checkpoint=initial)
    world.leases.record(run.id, fence, begun)
    for epoch in range(1, 10):
        world.leases.record(run.id, fence, progress(epoch, state=b"state %d" % epoch))
    last = ProgressPart(
        epoch=10,
        step=100,
        trained_seconds=1.0,
        epochs=(EpochMetrics(10, {"train_loss": 0.1}),),
        best=BestEpoch(8, "train_loss", 0.05),
        checkpoint=NewCheckpoint(
            kind="final", epoch=8, step=100, state=b"the end", weights=WEIGHTS, is_best=True
        ),
        numerics={"engine": "1"},
    )
    outcome = Outcome(status="succeeded", stop_reason="max_epochs", last=last)
    world.leases.finish(run.id, fence, outcome)
    return world.get(run.id)


def checkpoint_of(world: World, run: Run, kind: str, epoch: int | None = None) -> str:
    """Return the id of a run's one checkpoint of a kind, or of a kind and an epoch."""
    listed = world.runs.checkpoints(world.project_id, run.id).data
    [found] = [c.id for c in listed if c.kind == kind and epoch in (None, c.epoch)]
    return found


def begin(world: World, checkpoint_id: str, mode: str = "continue", **fields: Any) -> Run:
    """Queue a run that begins with a checkpoint."""
    wish = {"parent": {"checkpoint_id": checkpoint_id, "mode": mode}, **fields}
    return world.runs.create(world.project_id, RunCreate.model_validate_json(json.dumps(wish)))
