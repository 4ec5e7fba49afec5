"""The network: layers one behind the other, their tensors in one flat vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workers.engine import rng
from workers.engine.layers import initializers
from workers.engine.layers.dense import Dense, DenseOnBatch
from workers.engine.tensors import Layout

if TYPE_CHECKING:
    import numpy.typing as npt

    from workers.engine.kernels.contract import Kernels
    from workers.engine.spec import Activation, NetworkSpec
    from workers.engine.tensors import Array, BatchRows


@dataclass(frozen=True)
class LayerSummary:
    """One line of a network's description; output_shape is without the batch."""

    name: str
    type: str
    output_shape: tuple[int, ...]
    parameters: int


class Network:
    """A stack of dense layers from n_inputs columns to n_outputs scores; a value, as a spec is.

    The last layer is linear: its results are the logits, and `output_activation` belongs to the
    loss in training and to the forward pass in prediction.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        *,
        n_inputs: int,
        n_outputs: int,
        output_activation: Activation,
    ) -> None:
        self.n_inputs = n_inputs
        self.n_outputs = n_outputs
        self.output_activation = output_activation
        self.layers = _stack(spec, n_inputs, n_outputs, output_activation)
        self.layout = Layout(
            {name: shape for layer in self.layers for name, shape in layer.tensors().items()}
        )
        self.n_parameters = self.layout.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[tuple[Dense, ...], Activation]:
        return self.layers, self.output_activation

    def summary(self) -> tuple[LayerSummary, ...]:
        """The hidden layers and the output layer, first to last."""
        return tuple(
            LayerSummary(
                name=layer.name,
                type="dense",
                output_shape=(layer.n_outputs,),
                parameters=Layout(layer.tensors()).size,
            )
            for layer in self.layers
        )

    def initial_parameters(self, seed: int, dtype: npt.DTypeLike) -> Array:
        """Fresh parameters (P,): each layer draws from its own stream of the seed."""
        flat = np.empty(self.n_parameters, dtype)
        tensors = self.layout.views(flat)
        for index, layer in enumerate(self.layers):
            layer.initialize(tensors, rng.generator(seed, rng.Purpose.INITIAL_PARAMETERS, index))
        return flat

    def on_batch(
        self, rows: BatchRows, parameters: Array, gradient: Array | None, kernels: Kernels
    ) -> NetworkOnBatch:
        """The network at work on batches of one size, with the numbers of `parameters` (P,).

        Both vectors stay in use: the forward pass reads what `parameters` holds at that time, and
        the backward pass writes all of `gradient` (None where nothing is to be learned).
        """
        tensors = self.layout.views(parameters)
        gradients = None if gradient is None else self.layout.views(gradient)
        return NetworkOnBatch(
            [DenseOnBatch(layer, rows, tensors, gradients, kernels) for layer in self.layers]
        )


class NetworkOnBatch:
    """Forward and backward pass through the layers, on memory taken once."""

    def __init__(self, layers: list[DenseOnBatch]) -> None:
        self._layers = layers
        self._inputs: list[Array] = []

    def forward(self, X: Array) -> Array:
        """X (B, I) to logits (B, K), valid until the next call."""
        inputs = self._inputs
        inputs.clear()
        for layer in self._layers:
            inputs.append(X)
            X = layer.forward(X)
        return X

    @property
    def d_logits(self) -> Array:
        """Where the loss leaves its gradient (B, K) before `backward`."""
        return self._layers[-1].da

    def backward(self) -> None:
        """Pass the error back through the batch of the last `forward`: fills the gradient."""
        layers, inputs = self._layers, self._inputs
        for index in range(len(layers) - 1, 0, -1):
            layers[index].backward(inputs[index], layers[index - 1].da)
        layers[0].backward(inputs[0], None)


def _stack(
    spec: NetworkSpec, n_inputs: int, n_outputs: int, output_activation: Activation
) -> tuple[Dense, ...]:
    layers = []
    width = n_inputs
    for index, hidden in enumerate(spec.layers):
        layers.append(
            Dense(
                name=f"layers.{index}",
                n_inputs=width,
                n_outputs=hidden.units,
                activation=hidden.activation,
                initializer=hidden.initializer or initializers.default_for(hidden.activation),
                has_bias=hidden.bias,
            )
        )
        width = hidden.units
    output = Dense(
        name=f"layers.{len(layers)}",
        n_inputs=width,
        n_outputs=n_outputs,
        activation="identity",
        initializer=initializers.default_for(output_activation),
        has_bias=True,
    )
    return (*layers, output)
