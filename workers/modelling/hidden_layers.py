"""The hidden layers that a user wrote: checked one by one, and with every default written out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workers.engine.layers.initializers import default_for
from workers.engine.spec import (
    BatchNormSpec,
    DenseSpec,
    DropoutSpec,
    LbfgsSpec,
    NetworkSpec,
    OutputSpec,
    ResidualSpec,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.engine.spec import Layer, OutputActivation, TrainingSpec
    from workers.modelling.findings import Findings

_MIN_ROWS_TO_NORMALISE = 2


def resolve_network(network: NetworkSpec, activation: OutputActivation) -> NetworkSpec:
    """The network with its output and every initializer written out."""
    output = network.output or OutputSpec()
    initializer = output.initializer or default_for(activation)
    return replace(
        network,
        layers=tuple(_resolved(layer) for layer in network.layers),
        output=replace(output, activation=activation, initializer=initializer),
    )


def check_residuals(layers: Sequence[Layer], n_inputs: int | None, findings: Findings) -> None:
    """Note residual layers that reach too far back, or add vectors of different widths.

    n_inputs is what the first layer sees, None where that is not known.
    """
    widths = [n_inputs]
    for index, layer in enumerate(layers):
        widths.append(layer.units if isinstance(layer, DenseSpec) else widths[-1])
        if not isinstance(layer, ResidualSpec):
            continue
        pointer = f"/network/layers/{index}"
        if layer.span > index:
            detail = f"There are {index} layers before this one; it cannot reach {layer.span} back."
            findings.problem(f"{pointer}/span", "span_too_long", detail, index)
        else:
            _check_widths(pointer, widths[index - layer.span], widths[index], findings)


def _check_widths(pointer: str, source: int | None, width: int | None, findings: Findings) -> None:
    if source is not None and width is not None and source != width:
        detail = f"It would add {source} columns to {width}; both must be as many."
        findings.problem(pointer, "residual_width", detail, source)


def check_layers(network: NetworkSpec, training: TrainingSpec, findings: Findings) -> None:
    """Note layers that this optimiser or this batch cannot train."""
    is_lbfgs = isinstance(training.optimizer, LbfgsSpec)
    for index, layer in enumerate(network.layers):
        pointer = f"/network/layers/{index}"
        if is_lbfgs:
            _check_with_lbfgs(pointer, layer, findings)
        if isinstance(layer, BatchNormSpec) and training.batch_size < _MIN_ROWS_TO_NORMALISE:
            detail = "A batch of one row has no variance to normalise by: batch_size 2 or more."
            findings.problem(pointer, "batch_too_small", detail, _MIN_ROWS_TO_NORMALISE)
    if is_lbfgs and network.output is not None:
        _check_with_lbfgs("/network/output", network.output, findings)


def _check_with_lbfgs(pointer: str, layer: Layer | OutputSpec, findings: Findings) -> None:
    """L-BFGS compares losses of the same function wherever its search leads."""
    if isinstance(layer, DropoutSpec) and layer.rate:
        detail = "Dropout changes the function that L-BFGS searches along."
        findings.problem(pointer, "not_with_lbfgs", detail)
    if isinstance(layer, DenseSpec | OutputSpec) and layer.max_norm is not None:
        detail = "A bound on the weights would move them from where L-BFGS found them to be best."
        findings.problem(f"{pointer}/max_norm", "not_with_lbfgs", detail)


def _resolved(layer: Layer) -> Layer:
    if not isinstance(layer, DenseSpec) or layer.initializer is not None:
        return layer
    return replace(layer, initializer=default_for(layer.activation))
