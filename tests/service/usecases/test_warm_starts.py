"""Runs that begin with the weights of a checkpoint, and with nothing else of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from service.errors import InvalidRequestError, NotFoundError
from service.schemas.runs import ParentWish
from service.store.instants import db_now
from service.store.tables import BlobRow, RunRow
from service.usecases import parents
from service.usecases.continuation import begin_with
from tests.service.usecases.parentage import WEIGHTS, begin, checkpoint_of

if TYPE_CHECKING:
    from service.schemas.runs import Run
    from service.usecases.continuation import Beginning
    from tests.service.usecases.world import World


def found(world: World, parent: Run) -> tuple[Beginning, str]:
    """Look for a checkpoint, as a POST does first; return it with a run that is to begin there."""
    wish = ParentWish(checkpoint_id=checkpoint_of(world, parent, "final"), mode="warm_start")
    with world.sessions.read() as session:
        at = begin_with(session, world.project_id, wish)
    return at, world.create().id


def sweep(world: World) -> None:
    with world.sessions.begin() as session:
        world.blobs.delete_unreferenced(session, older_than_s=60.0)


def age_blobs(world: World) -> None:
    with world.sessions.begin() as session:
        session.execute(update(BlobRow).values(put_at=db_now(-3600.0)))


def test_a_checkpoint_that_was_swept_since_it_was_found_is_not_found(
    world: World, parent: Run
) -> None:
    at, child_id = found(world, parent)
    world.runs.delete(world.project_id, parent.id)
    age_blobs(world)
    sweep(world)
    with pytest.raises(NotFoundError), world.sessions.begin() as session:
        parents.begin(session, world.blobs, session.get_one(RunRow, child_id), at)


def test_a_sweep_leaves_what_a_run_is_about_to_begin_with(world: World, parent: Run) -> None:
    at, child_id = found(world, parent)
    world.runs.delete(world.project_id, parent.id)
    age_blobs(world)
    with ThreadPoolExecutor(1) as pool:
        with world.sessions.begin() as session:
            parents.begin(session, world.blobs, session.get_one(RunRow, child_id), at)
            # It does not see the child yet, and waits for its transaction.
            sweeping = pool.submit(sweep, world)
            with pytest.raises(TimeoutError):
                sweeping.result(0.5)
        sweeping.result(30.0)
    with world.sessions.read() as session:
        assert world.blobs.get(session, str(at.weights_sha256)) == WEIGHTS


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
