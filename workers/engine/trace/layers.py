"""What each layer did with a batch: sums z, results a, the derivative in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.kernels.plain import PLAIN
from workers.engine.layers.activation import ActivationLayer
from workers.engine.layers.batch_norm import BatchNorm
from workers.engine.layers.dense import Dense
from workers.engine.layers.dropout import Dropout
from workers.engine.layers.layer import Workplace
from workers.engine.layers.layer_norm import LayerNorm
from workers.engine.layers.residual import Residual
from workers.engine.spec import (
    ACTIVATIONS,
    ActivationSpec,
    BatchNormSpec,
    DenseSpec,
    DropoutSpec,
    EmbeddingSpec,
    Formula,
    LayerNormSpec,
    NumericEmbeddingSpec,
    ResidualSpec,
    ScaleSpec,
)
from workers.engine.tensors import BatchRows, Memory
from workers.engine.trace.numbers import columns_shown
from workers.engine.trace.passes import FIRST_BATCH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.engine.layers.layer import Layer
    from workers.engine.problem import Problem
    from workers.engine.tensors import Array, Views
    from workers.engine.trace.numbers import Plain
    from workers.engine.trace.passes import Passes

FORMULAS: Mapping[str, Formula] = {
    "dense": DenseSpec.formula,
    "activation": ActivationSpec.formula,
    "dropout": DropoutSpec.formula,
    "batch_norm": BatchNormSpec.formula,
    "layer_norm": LayerNormSpec.formula,
    "residual": ResidualSpec.formula,
    "scale": ScaleSpec.formula,
    "embedding": EmbeddingSpec.formula,
    "numeric_embedding": NumericEmbeddingSpec.formula,
    "skip": Formula("Z of the output layer += X W", "dW = X^T dZ, and dZ W^T is added to dX", ""),
}

KINKED = frozenset(("relu", "leaky_relu", "prelu", "selu"))
"""Their slopes on the two sides of 0 differ."""

_ARRAYS = 4
"""Of a layer, as wide as it: z, the local derivative, a, delta."""


class LayerTraces:
    """Says of each layer of a network what it did in one pass."""

    def __init__(
        self, problem: Problem, parameters: Array, passes: Passes, plain: Plain, shown: int
    ) -> None:
        network = problem.network
        self._network = network
        self._memory = problem.memory
        self._seed = problem.seed
        self._tensors = network.layout.views(parameters)
        self._passes = passes
        self._plain = plain
        self._n_rows = len(passes.d_logits)
        self._shown = shown

    def all(self) -> list[dict[str, Any]]:
        """Every layer, first to last."""
        return [self._layer(place) for place in range(len(self._network.layers))]

    def stands_on_kink(self) -> bool:
        """Whether some unit has exactly the sum at which its function has no derivative."""
        return any(
            getattr(layer, "activation", "") in KINKED and not np.all(self._sums(layer, X))
            for layer, X in zip(self._network.layers, self._passes.inputs, strict=True)
        ) or (self._network.output_activation in KINKED and not np.all(self._passes.outputs[-1]))

    def _sums(self, layer: Layer, X: Array) -> Array:
        return self._dense(layer, X)["z"] if isinstance(layer, Dense) else X

    def _layer(self, place: int) -> dict[str, Any]:
        layer, passes = self._network.layers[place], self._passes
        X, A = passes.inputs[place], passes.outputs[place]
        formula = FORMULAS[layer.type]
        activation = getattr(layer, "activation", None)
        arrays = {"a": A} | self._steps(layer, X, A)
        # Behind an activation the error is that of z; other layers are told of their results'.
        delta = passes.deltas[place]
        if delta is not None and isinstance(layer, Dense | ActivationLayer):
            arrays["delta"] = delta
        return {
            "name": layer.name,
            "type": layer.type,
            "formula": formula.formula,
            "derivative": formula.derivative,
            "activation": None if activation is None else _activation(activation),
            "adds_input_of": self._source(layer),
            "input_shape": [self._n_rows, layer.n_inputs],
            "output_shape": [self._n_rows, layer.n_outputs],
            "columns_shown": min(self._shown, layer.n_outputs),
            **{name: self._cut(f"{layer.name} {name}", array) for name, array in arrays.items()},
        }

    def _steps(self, layer: Layer, X: Array, A: Array) -> dict[str, Array]:
        match layer:
            case Dense():
                return self._dense(layer, X)
            case ActivationLayer():
                slopes = self._tensors.get(f"{layer.name}.slope")
                return {"z": X, "local_derivative": slope_at(layer.activation, X, slopes)}
            case Dropout():
                return {"z": X, "local_derivative": self._mask(layer)}
            case BatchNorm():
                return _normed(layer, X, 0, self._tensors)
            case LayerNorm():
                return _normed(layer, X, 1, self._tensors)
            case _:
                return {"z": X, "local_derivative": np.ones_like(A)}

    def _dense(self, layer: Dense, X: Array) -> dict[str, Array]:
        with np.errstate(all="ignore"):
            z = X @ self._tensors[f"{layer.name}.weight"]
            if layer.has_bias:
                z = z + self._tensors[f"{layer.name}.bias"]
            if layer is self._network.layers[-1] and self._network.skip is not None:
                z = z + self._passes.inputs[0] @ self._tensors["skip.weight"]
        slopes = self._tensors.get(f"{layer.name}.slope")
        return {"z": z, "local_derivative": slope_at(layer.activation, z, slopes)}

    def _mask(self, layer: Dropout) -> Array:
        rows = BatchRows(self._n_rows, self._n_rows)
        place = Workplace(rows, {}, {}, PLAIN, self._memory, (), (self._seed,))
        ones = np.ones((self._n_rows, layer.n_inputs))
        return layer.on_batch(place).forward(ones, FIRST_BATCH)

    def _source(self, layer: Layer) -> str | None:
        if not isinstance(layer, Residual):
            return None
        return self._network.layers[layer.source].name

    def _cut(self, name: str, array: Array) -> list[Any]:
        # A Jacobian (B, O, O) is cut on both sides.
        shown = array[:, : self._shown]
        return self._plain(name, shown[..., : self._shown] if shown.ndim == 3 else shown)


def shown_columns(problem: Problem) -> int:
    """How many columns of every layer's and of the output's arrays are shown."""
    network = problem.network
    # The output activation and the loss tell as much of the outputs as a layer does, each.
    widths = [*(layer.n_outputs for layer in network.layers), *[network.n_outputs] * 2]
    return columns_shown(len(problem.data.X), widths, _ARRAYS)


def slope_at(activation: str, z: Array, slopes: Array | None = None) -> Array:
    """f'(z) (B, O); of softmax, where every result hangs on every z, the Jacobian's diagonal."""
    memory = Memory(np, z.dtype)
    if activation == "prelu" and slopes is not None:
        kernel = PLAIN.prelu(memory, z.shape, slopes, np.empty_like(slopes))
    else:
        kernel = PLAIN.activations[activation](memory, z.shape, True)
    a, slope = z.copy(), np.ones_like(z)
    with np.errstate(all="ignore"):
        kernel.forward(a)
        if activation == "softmax":
            return a * (1.0 - a)
        kernel.backward(a, slope)
    return slope


def _normed(layer: BatchNorm | LayerNorm, X: Array, axis: int, tensors: Views) -> dict[str, Array]:
    """The z of a norm is the normalised x_hat, and the slope behind it the scale."""
    mean, variance = X.mean(axis, keepdims=True), X.var(axis, keepdims=True)
    z = (X - mean) / np.sqrt(variance + layer.epsilon)
    scale = np.broadcast_to(tensors[f"{layer.name}.scale"], X.shape)
    return {"z": z, "local_derivative": scale, "mean": mean, "variance": variance}


def _activation(name: str) -> dict[str, str | None]:
    formula = ACTIVATIONS[name]  # type: ignore[index]
    return {"name": name, "formula": formula.formula, "derivative": formula.derivative}
