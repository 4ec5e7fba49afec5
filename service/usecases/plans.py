"""Plans: a run's wish, its plan and its specification, each turned into the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import InvalidRequestError, Problem
from service.schemas.networks import NetworkIn
from service.schemas.runs import RunSpec
from service.schemas.training import RunTraining
from workers.modelling.plan import ModelPlan, ModelWish, PlanError, PlanLimits
from workers.modelling.recipes import RECIPES, resolve
from workers.tabular.profile import TableProfile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    from service.schemas.runs import Parent, RunWish
    from service.settings import Limits
    from workers.engine.spec import NetworkSpec
    from workers.modelling.plan import Recipe, TargetNames


def plan_run(
    wish: RunWish, named: NetworkSpec | None, profile: Mapping[str, Any], limits: Limits
) -> ModelPlan:
    """Resolve a run's wish on a table; `named` is the stored network that it names, if any.

    Raises:
        InvalidRequestError: with everything that is wrong, by pointers into the request.
    """
    model_wish = ModelWish(
        target=named_targets(wish.target),
        features=None if wish.features == "auto" else tuple(wish.features),
        task=None if wish.task == "auto" else wish.task,
        network=named or network_of(wish.network),
        preprocessing=None if wish.preprocessing == "auto" else wish.preprocessing,
        training=wish.training.wishes(),
        split=wish.split.wishes(),
        seed=wish.seed,
    )
    plan_limits = PlanLimits(
        parameters=limits.model_parameters,
        memory_bytes=limits.run_memory_bytes,
        steps=limits.run_steps,
    )
    try:
        return resolve(model_wish, TableProfile.from_json(dict(profile)), plan_limits)
    except PlanError as error:
        problems = [Problem(p.pointer, p.code, p.detail, p.limit) for p in error.problems]
        raise InvalidRequestError(problems) from None


def spec_of(
    wish: RunWish, plan: ModelPlan, device: Literal["cpu", "cuda"], parent: Parent | None
) -> RunSpec:
    """Return the specification that a run keeps: its wish with nothing left to decide."""
    return RunSpec(
        dataset_id=wish.dataset_id,
        target=plan.target if isinstance(plan.target, str) else list(plan.target),
        features=list(plan.features),
        task=plan.task,
        classes=plan.classes,
        recipe=plan.recipe,
        reasons=list(plan.reasons),
        network=plan.network,
        preprocessing=plan.preprocessing,
        training=RunTraining.of(plan.training, wish.training.every()),
        split=plan.split,
        seed=plan.seed,
        device=device,
        budget=wish.budget,
        model=wish.model,
        parent=parent,
        labels=wish.labels,
    )


def plan_of(spec: RunSpec) -> ModelPlan:
    """Return the plan that a run's specification was made from, without its warnings."""
    return ModelPlan(
        target=named_targets(spec.target),
        features=tuple(spec.features),
        task=spec.task,
        classes=spec.classes,
        network=spec.network,
        preprocessing=spec.preprocessing,
        training=spec.training,
        split=spec.split,
        seed=spec.seed,
        recipe=spec.recipe,
        reasons=tuple(spec.reasons),
    )


def named_targets(target: str | list[str]) -> TargetNames:
    """Return the wire's target as the library of models names it."""
    return target if isinstance(target, str) else tuple(target)


_RECIPES: dict[str, Recipe] = {name: name for name in RECIPES}


def network_of(wish: NetworkIn | str) -> NetworkSpec | Recipe:
    """Return a network that was written out, or a recipe; not one that was named by its id."""
    return wish.spec() if isinstance(wish, NetworkIn) else _RECIPES[wish]
