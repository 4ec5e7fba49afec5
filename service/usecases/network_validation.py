"""What a network would be and cost, worked out without storing or training anything."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from service.schemas.networks import LayerShape, NetworkValidation, ResolvedNetwork
from service.schemas.wire import ProblemItem
from workers.engine import cost
from workers.engine.layers.initializers import default_for
from workers.engine.spec import NetworkSpec
from workers.modelling.plan import ModelWish, PlanError, PlanLimits
from workers.modelling.planned_inputs import planned_network, planned_training_rows
from workers.modelling.recipes import resolve

if TYPE_CHECKING:
    from service.schemas.networks import NetworkValidate
    from service.settings import Limits
    from workers.modelling.plan import ModelPlan
    from workers.tabular.profile import TableProfile


def validate(
    wish: NetworkValidate, profile: TableProfile | None, limits: Limits
) -> NetworkValidation:
    """Return what the network would be on a table, or as much as is known without one."""
    if profile is None or wish.target is None:
        warning = "Without a dataset and a target the number of inputs and outputs is open."
        return _without_table(wish, warnings=[warning], errors=[])
    model_wish = ModelWish(
        target=wish.target if isinstance(wish.target, str) else tuple(wish.target),
        network=wish.network.spec(),
        training=wish.training.wishes(),
    )
    try:
        plan = resolve(model_wish, profile, plan_limits(limits))
    except PlanError as error:
        errors = [
            ProblemItem(pointer=p.pointer, code=p.code, detail=p.detail, limit=p.limit)
            for p in error.problems
        ]
        return _without_table(wish, warnings=[], errors=errors)
    return _on_table(plan, profile)


def plan_limits(limits: Limits) -> PlanLimits:
    """Return the limits on a plan that the operator set."""
    return PlanLimits(
        parameters=limits.model_parameters,
        memory_bytes=limits.run_memory_bytes,
        steps=limits.run_steps,
    )


def _on_table(plan: ModelPlan, profile: TableProfile) -> NetworkValidation:
    network = planned_network(plan, profile)
    n_train = planned_training_rows(plan, profile)
    estimate = cost.estimate(network, plan.training, n_train)
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
        parameters=network.n_parameters,
        memory_bytes=estimate.memory_bytes,
        flops_per_epoch=estimate.flops_per_epoch,
        seconds_per_epoch=cost.seconds_per_epoch(network, plan.training, n_train),
        warnings=[warning.detail for warning in plan.warnings],
        errors=[],
    )


def _without_table(
    wish: NetworkValidate, *, warnings: list[str], errors: list[ProblemItem]
) -> NetworkValidation:
    layers = tuple(
        replace(layer, initializer=layer.initializer or default_for(layer.activation))
        for layer in wish.network.layers
    )
    shapes: list[LayerShape] = []
    width: int | None = None
    for index, layer in enumerate(layers):
        # The first layer's weights depend on how many inputs the features become.
        n_parameters = None if width is None else (width + layer.bias) * layer.units
        shapes.append(
            LayerShape(
                name=f"layers.{index}",
                type=layer.type,
                output_shape=[layer.units],
                parameters=n_parameters,
            )
        )
        width = layer.units
    network = NetworkSpec(layers=layers, output=wish.network.output)
    return NetworkValidation(
        resolved=ResolvedNetwork(network=network, training=None),
        layers=shapes,
        parameters=None,
        memory_bytes=None,
        flops_per_epoch=None,
        seconds_per_epoch=None,
        warnings=warnings,
        errors=errors,
    )
