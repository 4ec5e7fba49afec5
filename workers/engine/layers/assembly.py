"""From the specification of a network to its layers, with names and widths."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from workers.engine.layers import initializers
from workers.engine.layers.activation import ActivationLayer
from workers.engine.layers.batch_norm import BatchNorm
from workers.engine.layers.dense import Dense
from workers.engine.layers.dropout import Dropout
from workers.engine.layers.layer_norm import LayerNorm
from workers.engine.layers.members import MemberDense, MemberOutput
from workers.engine.layers.residual import Residual
from workers.engine.layers.scale import Scale
from workers.engine.spec import (
    ActivationSpec,
    BatchNormSpec,
    DenseSpec,
    DropoutSpec,
    LayerNormSpec,
    OutputSpec,
    ResidualSpec,
    ScaleSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workers.engine.layers.layer import Layer
    from workers.engine.spec import Activation
    from workers.engine.spec import Layer as LayerSpec


class LayerError(ValueError):
    """A layer that cannot stand where it does: `layer` counts those of the specification."""

    def __init__(self, layer: int, reason: str) -> None:
        self.layer = layer
        self.reason = reason
        super().__init__(f"layer {layer}: {reason}")


class Assembly:
    """The hidden layers one behind the other, from `n_inputs` columns on, for so many members."""

    def __init__(self, n_inputs: int, members: int = 1) -> None:
        self._widths = [n_inputs]
        self._members = members
        self._names: Counter[str] = Counter()
        self.layers: list[Layer] = []

    @property
    def width(self) -> int:
        """Columns that come out of what there is."""
        return self._widths[-1]

    def add(self, specs: Iterable[LayerSpec]) -> None:
        """Append layers. LayerError where a residual connection has nothing to add."""
        for spec in specs:
            self._append(self._layer(spec))

    def add_output(self, spec: OutputSpec, n_outputs: int, activation: Activation) -> None:
        """Append the output layer: linear, for its activation belongs to the loss."""
        initializer = spec.initializer or initializers.default_for(activation)
        common: dict[str, Any] = {
            "name": self._name("layers"),
            "n_inputs": self.width,
            "n_outputs": n_outputs,
            "initializer": initializer,
            "has_bias": spec.bias,
            "initial_value": spec.initial_value,
        }
        if self._members == 1:
            self._append(Dense(**common, activation="identity"))
        else:
            self._append(MemberOutput(**common, members=self._members))

    def _append(self, layer: Layer) -> None:
        self.layers.append(layer)
        self._widths.append(layer.n_outputs)

    def _name(self, kind: str) -> str:
        number = self._names[kind]
        self._names[kind] += 1
        return f"{kind}.{number}"

    def _layer(self, spec: LayerSpec) -> Layer:
        match spec:
            case DenseSpec():
                return self._dense(spec)
            case ActivationSpec():
                return ActivationLayer(self._name("activations"), self.width, spec.activation)
            case DropoutSpec():
                index = self._names["dropouts"]
                return Dropout(self._name("dropouts"), self.width, spec.rate, index)
            case BatchNormSpec():
                return BatchNorm(self._name("norms"), self.width, spec.momentum, spec.epsilon)
            case LayerNormSpec():
                return LayerNorm(self._name("norms"), self.width, spec.epsilon)
            case ScaleSpec():
                return Scale(self._name("scales"), self.width, spec.factor)
            case ResidualSpec():
                return self._residual(spec)

    def _dense(self, spec: DenseSpec) -> Dense | MemberDense:
        is_first = not self._names["layers"]
        common: dict[str, Any] = {
            "name": self._name("layers"),
            "n_inputs": self.width,
            "n_outputs": spec.units,
            "activation": spec.activation,
            "initializer": spec.initializer or initializers.default_for(spec.activation),
            "has_bias": spec.bias,
            "initial_value": spec.initial_value,
        }
        if self._members == 1:
            return Dense(**common)
        return MemberDense(**common, members=self._members, has_random_signs=is_first)

    def _residual(self, spec: ResidualSpec) -> Residual:
        place = len(self.layers)
        source = place - spec.span
        if source < 0:
            raise LayerError(place, f"a span of {spec.span} goes back beyond the first layer")
        if self._widths[source] != self.width:
            widths = f"{self._widths[source]} and {self.width} columns"
            raise LayerError(place, f"a residual connection cannot add {widths}")
        return Residual(self._name("residuals"), self.width, source)
