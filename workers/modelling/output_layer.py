"""The output layer with its loss: which pairs a task allows, and which it takes by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workers.engine.layers.initializers import default_for
from workers.engine.spec import (
    Activation,
    BinaryCrossEntropySpec,
    Loss,
    MseSpec,
    NetworkSpec,
    OutputSpec,
    SoftmaxCrossEntropySpec,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.modelling.findings import Findings
    from workers.modelling.plan import Method, ModelWish, Task
    from workers.modelling.target_task import Target
    from workers.tabular.profile import ColumnProfile


@dataclass(frozen=True)
class Output:
    """An output activation with a loss that goes with it."""

    activation: Activation
    loss: Loss


PAIRS: Mapping[Task, tuple[Output, ...]] = {
    "regression": (
        Output("identity", MseSpec()),
        Output("sigmoid", MseSpec()),
        Output("tanh", MseSpec()),
        Output("relu", MseSpec()),
    ),
    "binary": (
        Output("sigmoid", BinaryCrossEntropySpec()),
        Output("softmax", SoftmaxCrossEntropySpec()),
        Output("sigmoid", MseSpec()),
    ),
    "multiclass": (Output("softmax", SoftmaxCrossEntropySpec()),),
}
"""What a task can be trained with; the first that agrees with what the user set is taken."""

_RANGES: Mapping[Activation, tuple[float, float]] = {
    "sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, float("inf")),
}


def resolve_output(
    wish: ModelWish, target: Target, method: Method, findings: Findings
) -> Output | None:
    """The pair for a wish, or None with the problem where its parts do not fit the task."""
    activation, loss = _wished(wish)
    pairs = PAIRS[target.task]
    by_loss = [pair for pair in pairs if loss is None or pair.loss == loss]
    fitting = [pair for pair in by_loss if activation is None or pair.activation == activation]
    if fitting:
        if target.task == "regression":
            _warn_of_range(fitting[0].activation, target.column, method, findings)
        return fitting[0]
    if by_loss:
        pointer = "/network/output/activation"
        names = ", ".join(dict.fromkeys(pair.activation for pair in by_loss))
    else:
        pointer = "/training/loss"
        names = ", ".join(dict.fromkeys(pair.loss.type for pair in pairs))
    detail = f"A {target.task} target with these settings goes with: {names}."
    findings.problem(pointer, "spec_dataset_mismatch", detail, names)
    return None


def resolve_network(network: NetworkSpec, activation: Activation) -> NetworkSpec:
    """The network with its output and every initializer written out."""
    layers = tuple(
        replace(layer, initializer=layer.initializer or default_for(layer.activation))
        for layer in network.layers
    )
    return NetworkSpec(layers=layers, output=OutputSpec(activation=activation))


def _wished(wish: ModelWish) -> tuple[Activation | None, Loss | None]:
    output = wish.network.output if isinstance(wish.network, NetworkSpec) else None
    return output.activation if output else None, wish.training.get("loss")


def _warn_of_range(
    activation: Activation, column: ColumnProfile, method: Method, findings: Findings
) -> None:
    if activation not in _RANGES or column.min is None or column.max is None:
        return
    lowest, highest = column.min, column.max
    if method == "standard" and column.mean is not None and column.std:
        lowest, highest = ((x - column.mean) / column.std for x in (lowest, highest))
    least, most = _RANGES[activation]
    if lowest < least or highest > most:
        scale = "standardised " if method == "standard" else ""
        detail = f"The {scale}target goes beyond what a {activation} output can reach."
        findings.warn("output_range", column.name, detail)
