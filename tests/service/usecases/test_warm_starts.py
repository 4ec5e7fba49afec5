"""Runs that begin with the weights of a checkpoint, and with nothing else of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.errors import InvalidRequestError
from tests.service.usecases.parentage import WEIGHTS, begin, checkpoint_of

if TYPE_CHECKING:
    from service.schemas.runs import Run
    from tests.service.usecases.world import World


def test_a_warm_start_takes_the_weights_and_nothing_else(world: World, parent: Run) -> None:
    change = {"training": {"epochs": 3, "optimizer": {"type": "adam"}}, "split": {"test": 0.1}}
    child = begin(world, checkpoint_of(world, parent, "final"), "warm_start", **change)
    assert (child.progress.epoch, child.metrics) == (0, {})
    assert (child.dataset_id, child.target, child.seed) == (parent.dataset_id, "y", 7)
    assert child.spec.split.validation == 0.3
    claim = world.claim(child.id)
    assert claim.parent is not None
    assert (claim.parent.mode, claim.parent.state) == ("warm_start", None)
    assert claim.parent.weights == WEIGHTS
    assert (claim.trained_seconds, claim.numerics) == (0.0, None)


def test_weights_of_other_shapes_are_refused_with_both(world: World, parent: Run) -> None:
    wider = {"layers": [{"type": "dense", "units": 4, "activation": "tanh"}]}
    with pytest.raises(InvalidRequestError) as caught:
        begin(world, checkpoint_of(world, parent, "final"), "warm_start", network=wider)
    [problem] = caught.value.problems
    assert (problem.code, problem.pointer) == ("weights_mismatch", "/network")
    assert problem.detail == (
        "layers.0.weight is of shape [1, 3] in the checkpoint and of shape [1, 4] in this network."
    )
