"""What a network would be and cost, worked out without storing or training anything."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from service.schemas.networks import LayerShape, NetworkValidation, ResolvedNetwork
from service.schemas.wire import ProblemItem
from service.usecases.open_networks import open_shapes
from service.usecases.plans import named_targets
from workers.engine import cost
from workers.engine.layers.initializers import default_for
from workers.engine.spec import DenseSpec
from workers.engine.speed import seconds_per_epoch
from workers.modelling.open_wish import check_open_wish
from workers.modelling.plan import ModelWish, PlanError, PlanLimits
from workers.modelling.planned_inputs import planned_network, planned_rows
from workers.modelling.recipes import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.schemas.networks import NetworkValidate
    from service.settings import Limits
    from workers.engine.spec import Layer
    from workers.engine.speed import Speed
    from workers.modelling.plan import ModelPlan, PlanProblem
    from workers.tabular.profile import TableProfile


def validate(
    wish: NetworkValidate, profile: TableProfile | None, limits: Limits, speed: Speed | None
) -> NetworkValidation:
    """Return what the network would be on a table, or as much as is known without one.

    `speed` is that of a worker of the wished device; without one nothing is said of time.
    """
    model_wish = ModelWish(
        target=named_targets(wish.target or ""),
        network=wish.network.spec(),
        training=wish.training.wishes(),
    )
    if profile is None or wish.target is None:
        warning = "Without a dataset and a target the number of inputs and outputs is open."
        open_wish = check_open_wish(model_wish, plan_limits(limits))
        warnings = [warning, *(other.detail for other in open_wish.warnings)]
        return _without_table(wish, warnings=warnings, errors=_items(open_wish.problems))
    try:
        plan = resolve(model_wish, profile, plan_limits(limits))
    except PlanError as error:
        return _without_table(wish, warnings=[], errors=_items(error.problems))
    found = _on_table(plan, profile, speed)
    if speed is None:
        worker = "GPU worker" if wish.device == "cuda" else "worker"
        found.warnings.append(
            f"No {worker} has said how fast it trains: the time of an epoch is unknown."
        )
    return found


def plan_limits(limits: Limits) -> PlanLimits:
    """Return the limits on a plan that the operator set."""
    return PlanLimits(
        parameters=limits.model_parameters,
        memory_bytes=limits.run_memory_bytes,
        steps=limits.run_steps,
    )


def _items(problems: Iterable[PlanProblem]) -> list[ProblemItem]:
    return [
        ProblemItem(pointer=p.pointer, code=p.code, detail=p.detail, limit=p.limit)
        for p in problems
    ]


def _on_table(plan: ModelPlan, profile: TableProfile, speed: Speed | None) -> NetworkValidation:
    network = planned_network(plan, profile)
    n_train, n_validation = planned_rows(plan, profile)
    estimate = cost.estimate(network, plan.training, n_train, n_validation)
    warnings = [warning.detail for warning in plan.warnings]
    return NetworkValidation(
        resolved=ResolvedNetwork(network=plan.network, training=plan.training),
        layers=[
            LayerShape(
                name=layer.name,
                type=layer.type,
                output_shape=list(layer.output_shape),
                parameters=layer.parameters,
            )
            for layer in network.summary()
        ],
        parameters=plan.training.members * network.n_parameters,
        memory_bytes=estimate.memory_bytes,
        flops_per_epoch=estimate.flops_per_epoch,
        seconds_per_epoch=None
        if speed is None
        else seconds_per_epoch(network, plan.training, n_train, speed, n_validation),
        warnings=warnings,
        errors=[],
    )


def _without_table(
    wish: NetworkValidate, *, warnings: list[str], errors: list[ProblemItem]
) -> NetworkValidation:
    spec = wish.network.spec()
    layers = tuple(map(_filled, spec.layers))
    return NetworkValidation(
        resolved=ResolvedNetwork(network=replace(spec, layers=layers), training=None),
        layers=open_shapes(layers, spec.members),
        parameters=None,
        memory_bytes=None,
        flops_per_epoch=None,
        seconds_per_epoch=None,
        warnings=warnings,
        errors=errors,
    )


def _filled(layer: Layer) -> Layer:
    if not isinstance(layer, DenseSpec) or layer.initializer is not None:
        return layer
    return replace(layer, initializer=default_for(layer.activation))
