"""Networks whose inputs and outputs are open: what is known of their layers without a table."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from service.schemas.networks import LayerShape
from workers.engine.spec import ActivationSpec, BatchNormSpec, DenseSpec, LayerNormSpec, ScaleSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.engine.spec import Layer

_KINDS: Mapping[str, str] = {
    "dense": "layers",
    "activation": "activations",
    "dropout": "dropouts",
    "batch_norm": "norms",
    "layer_norm": "norms",
    "residual": "residuals",
    "scale": "scales",
}


def open_shapes(layers: Sequence[Layer], members: int) -> list[LayerShape]:
    """Return the hidden layers of so many members; what hangs on the number of inputs is null."""
    names: Counter[str] = Counter()
    shapes: list[LayerShape] = []
    width: int | None = None
    for layer in layers:
        kind = _KINDS[layer.type]
        n_parameters = _count(layer, width, members)
        width = layer.units if isinstance(layer, DenseSpec) else width
        shapes.append(
            LayerShape(
                name=f"{kind}.{names[kind]}",
                type=layer.type,
                output_shape=None if width is None else [width],
                parameters=n_parameters,
            )
        )
        names[kind] += 1
    return shapes


def _count(layer: Layer, n_inputs: int | None, members: int) -> int | None:
    """How many parameters a layer on so many columns has."""
    per_input = _per_input(layer)
    if isinstance(layer, DenseSpec):
        # Several members have scales of their own, of the inputs and of the sums.
        scales = members if members > 1 else 0
        fixed = layer.units * (layer.bias * members + scales + (layer.activation == "prelu"))
        return None if n_inputs is None else n_inputs * (layer.units + scales) + fixed
    if not per_input:
        return 0
    return None if n_inputs is None else n_inputs * per_input


def _per_input(layer: Layer) -> int:
    match layer:
        case BatchNormSpec():
            return 4
        case LayerNormSpec():
            return 2
        case ScaleSpec():
            return 1
        case ActivationSpec():
            return int(layer.activation == "prelu")
        case _:
            return 0
