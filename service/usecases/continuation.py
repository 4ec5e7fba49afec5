"""Continuation: a run that begins with a checkpoint, and what it takes over from its parent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from service.errors import InvalidRequestError, NotFoundError, Problem
from service.schemas.networks import NetworkIn
from service.schemas.runs import Parent, RunSpec, RunWish
from service.store.tables import CheckpointRow, RunRow
from service.usecases import parents
from workers.engine.spec import SplitSpec, TrainingSpec

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.schemas.runs import ParentWish, RunCreate, SplitWish
    from service.schemas.training import RunTraining, TrainingWish
    from workers.engine.spec import NetworkSpec
    from workers.modelling.plan import ModelPlan


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """A checkpoint that a run begins with, and the run that it goes on from."""

    parent: Parent
    spec: RunSpec
    """What that run did, and this one does where its owner says nothing else."""
    priority: int
    curve_of: str
    """The run whose curve goes on."""
    epoch: int
    """Epochs completed at the checkpoint: where the training stood, not whose weights it has."""
    step: int
    trained_seconds: float
    numerics: Mapping[str, Any] | None
    reproducible: bool
    state_sha256: str | None
    weights_sha256: str | None
    weights: bytes | None = None
    """Those of a checkpoint that has a state alone, where they were taken out of it."""

    @property
    def goes_on(self) -> bool:
        """Whether the training itself goes on; else its weights alone are taken."""
        return self.parent.mode == "continue"

    def of(self, parent: Parent) -> Beginning:
        """Return the same beginning as another run's child."""
        return replace(self, parent=parent)

    def named_as_before(self, plan: ModelPlan) -> ModelPlan:
        """Return a plan whose network, where it is the parent's, has the name it had there."""
        is_same = plan.network == self.spec.network
        return replace(plan, recipe=self.spec.recipe) if is_same else plan


def begin_with(session: Session, project_id: str, wish: ParentWish) -> Beginning:
    """Return the beginning that a wish names.

    Raises:
        NotFoundError: no such checkpoint in this project.
        InvalidRequestError: `no_state`, there is nothing to go on from but weights.
    """
    checkpoint, run = find_checkpoint(session, project_id, wish.checkpoint_id)
    if wish.mode == "continue" and not _has_state(checkpoint):
        detail = "This checkpoint has weights alone: use warm_start, or an earlier checkpoint."
        raise InvalidRequestError([Problem("/parent/checkpoint_id", "no_state", detail)])
    return beginning_at(checkpoint, run, wish)


def beginning_at(checkpoint: CheckpointRow, run: RunRow, wish: ParentWish) -> Beginning:
    """Return the beginning at a checkpoint of a run."""
    epoch = run.epoch if checkpoint.kind == "final" else checkpoint.epoch
    # What was recorded is the time of the whole run; steps take alike.
    share = min(1.0, checkpoint.step / run.step) if run.step else 0.0
    return Beginning(
        parent=Parent(run_id=run.id, checkpoint_id=checkpoint.id, mode=wish.mode),
        spec=RunSpec.model_validate_json(run.spec),
        priority=run.priority,
        curve_of=run.id,
        epoch=epoch,
        step=checkpoint.step,
        trained_seconds=run.trained_seconds * share,
        numerics=run.numerics,
        reproducible=run.reproducible,
        state_sha256=checkpoint.state_sha256,
        weights_sha256=checkpoint.weights_sha256,
    )


def find_checkpoint(
    session: Session, project_id: str, checkpoint_id: str
) -> tuple[CheckpointRow, RunRow]:
    """Return a checkpoint with its run.

    Raises:
        NotFoundError: no such checkpoint in this project.
    """
    query = select(CheckpointRow, RunRow).join(RunRow, RunRow.id == CheckpointRow.run_id)
    mine = (RunRow.project_id == project_id, CheckpointRow.id == checkpoint_id)
    found = session.execute(query.where(*mine, CheckpointRow.kind != parents.KIND)).one_or_none()
    if found is None:
        raise NotFoundError("checkpoint")
    checkpoint, run = found
    return checkpoint, run


def inherited(wish: RunCreate, beginning: Beginning | None) -> RunWish:
    """Return the wish with everything that was left out as it is in the parent."""
    if beginning is None:
        return RunWish.model_construct(wish.model_fields_set, **dict(wish))
    spec = beginning.spec
    taken_over = {name: getattr(spec, name) for name in _PLAIN}
    said = {name: getattr(wish, name) for name in wish.model_fields_set}
    given = {name: value for name, value in said.items() if value != "auto"}
    for name in ("dataset_id", "target"):
        if given.get(name) is None:
            given.pop(name, None)
    whole = {
        "network": _network(spec.network),
        "priority": beginning.priority,
        **taken_over,
        **given,
        "training": _training(wish.training, spec.training),
        "split": _split(wish.split, spec.split),
    }
    return RunWish.model_construct(**whole)


# Those that the wish and the resolved specification have in the same form.
_PLAIN = (
    "dataset_id", "target", "features", "task", "preprocessing", "seed", "device", "budget",
    "model", "labels",
)  # fmt: skip


def _has_state(checkpoint: CheckpointRow) -> bool:
    # The state at the very beginning is made from the seed.
    return checkpoint.state_sha256 is not None or checkpoint.kind == "initial"


def _network(spec: NetworkSpec) -> NetworkIn:
    return NetworkIn(
        layers=list(spec.layers),
        output=spec.output,
        skip=spec.skip,
        embeddings=list(spec.embeddings),
        numeric_embeddings=spec.numeric_embeddings,
        members=spec.members,
    )


def _training(wish: TrainingWish, parents_own: RunTraining) -> TrainingWish:
    names = {field.name for field in fields(TrainingSpec)} - wish.wishes().keys()
    if wish.checkpoint_every == "auto":
        names.add("checkpoint_every")
    return wish.model_copy(update={name: getattr(parents_own, name) for name in names})


def _split(wish: SplitWish, parents_own: SplitSpec) -> SplitWish:
    names = {field.name for field in fields(SplitSpec)} - wish.wishes().keys()
    if wish.method not in ("auto", parents_own.method):
        # The parent's column is for the parent's method.
        names.discard("column")
    return wish.model_copy(update={name: getattr(parents_own, name) for name in names})
