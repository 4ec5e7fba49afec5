"""Whether what a run changes of its parent's training can go together with its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import safetensors.numpy

from service.errors import InvalidRequestError, Problem
from workers.engine.spec import SplitSpec, TrainingSpec
from workers.modelling.codec import CodecError, shapes_of, weights_from_state
from workers.modelling.plan import ModelPlan
from workers.modelling.planned_inputs import planned_network
from workers.tabular.profile import TableProfile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.orm import Session

    from service.schemas.runs import RunWish
    from service.store.blobs import Blobs
    from service.usecases.continuation import Beginning

    Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class OnTable:
    """A plan and the table that it was made for."""

    plan: ModelPlan
    profile: TableProfile


# Decide the data, the network and the order of its rows: another one is another training.
_FIXED = ("dataset_id", "target", "features", "task", "preprocessing", "seed")
_PATCHABLE = frozenset(
    ("epochs", "optimizer", "schedule", "early_stopping", "clip_norm", "clip_value")
)


def check_wish(beginning: Beginning, wish: RunWish) -> None:
    """Check, before there is a plan, that a training that goes on is still the same one.

    Raises:
        InvalidRequestError: `continue_mismatch` for each field that must not change;
            `out_of_range` where the training has had all its epochs, or its budget, already.
    """
    _refuse([*_changed_data(beginning, wish), *_used_up(beginning, wish)])


def checked(
    session: Session, blobs: Blobs, beginning: Beginning, wish: RunWish, it: OnTable
) -> Beginning:
    """Check that the network of a plan can begin so; return the beginning with its weights.

    How many columns a table's features become is known for certain only from the rows that train:
    a network of the parent's specification on the parent's rows is taken to have its shapes.

    Raises:
        InvalidRequestError: `continue_mismatch` for each field that must not change;
            `weights_mismatch`, with the tensor and its shapes.
    """
    if beginning.goes_on:
        _refuse(list(_changed_training(beginning, it.plan)))
        return beginning
    weights = _weights(session, blobs, beginning)
    layout = planned_network(it.plan, it.profile).layout
    wanted: Shapes = shapes_of(layout, it.plan.training.members)
    found = {name: tensor.shape for name, tensor in safetensors.numpy.load(weights).items()}
    if wanted != found and not _is_alike(beginning, wish, it.plan):
        _refuse([_first_misfit(wanted, found)])
    return replace(beginning, weights=None if beginning.weights_sha256 else weights)


def _changed_data(beginning: Beginning, wish: RunWish) -> Iterator[Problem]:
    spec = beginning.spec
    for name in _FIXED:
        if getattr(wish, name) != getattr(spec, name):
            yield _mismatch(f"/{name}")
    for field in fields(SplitSpec):
        if getattr(wish.split, field.name) != getattr(spec.split, field.name):
            yield _mismatch(f"/split/{field.name}")


def _used_up(beginning: Beginning, wish: RunWish) -> Iterator[Problem]:
    epoch, seconds = beginning.epoch, beginning.trained_seconds
    more = f"The checkpoint has {epoch} epochs behind it: send more than that"
    if wish.training.epochs != "auto" and wish.training.epochs <= epoch:
        yield Problem("/training/epochs", "out_of_range", f"{more}.", epoch)
    if wish.budget.epochs is not None and wish.budget.epochs <= epoch:
        yield Problem("/budget/epochs", "out_of_range", f"{more}, or null.", epoch)
    if wish.budget.seconds is not None and wish.budget.seconds <= seconds:
        detail = f"{seconds:.1f} s of training are behind it: send more than that, or null."
        yield Problem("/budget/seconds", "out_of_range", detail, seconds)


def _changed_training(beginning: Beginning, plan: ModelPlan) -> Iterator[Problem]:
    spec = beginning.spec
    if plan.network != spec.network:
        yield _mismatch("/network")
    for field in fields(TrainingSpec):
        old, new = (getattr(training, field.name) for training in (spec.training, plan.training))
        if field.name not in _PATCHABLE and old != new:
            yield _mismatch(f"/training/{field.name}")
    if plan.training.optimizer.type != spec.training.optimizer.type:
        # Its slots are of no use to another one.
        yield _mismatch("/training/optimizer/type")


def _weights(session: Session, blobs: Blobs, beginning: Beginning) -> bytes:
    if beginning.weights_sha256 is not None:
        return blobs.get(session, beginning.weights_sha256)
    try:
        return weights_from_state(blobs.get(session, beginning.state_sha256 or ""))
    except CodecError:
        detail = "This checkpoint is of an older version: take another one of its run."
        problem = Problem("/parent/checkpoint_id", "checkpoint_unreadable", detail)
        raise InvalidRequestError([problem]) from None


def _first_misfit(wanted: Shapes, found: Shapes) -> Problem:
    name = next(name for name in [*wanted, *found] if wanted.get(name) != found.get(name))
    detail = (
        f"{name} is {_told(found.get(name))} in the checkpoint "
        f"and {_told(wanted.get(name))} in this network."
    )
    return Problem("/network", "weights_mismatch", detail)


def _is_alike(beginning: Beginning, wish: RunWish, plan: ModelPlan) -> bool:
    """Whether the plan's inputs and network are the parent's, on the parent's rows."""
    spec = beginning.spec
    theirs = (spec.dataset_id, spec.target, spec.features, spec.split, spec.seed)
    ours = (wish.dataset_id, wish.target, list(plan.features), plan.split, plan.seed)
    their_networks = (spec.network, spec.preprocessing, spec.training.members)
    our_networks = (plan.network, plan.preprocessing, plan.training.members)
    return (theirs, their_networks) == (ours, our_networks)


def _mismatch(pointer: str) -> Problem:
    name = pointer.rpartition("/")[2]
    detail = f"A training that goes on keeps its {name}; use warm_start to change it."
    return Problem(pointer, "continue_mismatch", detail)


def _told(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else f"of shape {list(shape)}"


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise InvalidRequestError(problems)
