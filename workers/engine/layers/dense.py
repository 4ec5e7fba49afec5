"""The dense layer `A = f(X W + b)`: every neuron of a layer at once, as matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from workers.engine.layers import activation, initializers
from workers.engine.layers.layer import Role, Tensor, Workplace
from workers.engine.layers.products import RowProduct, product_for, transposed
from workers.engine.spec import PRELU_SLOPE, Activation, Initializer

if TYPE_CHECKING:
    import numpy as np

    from workers.engine.tensors import Array, Views


@dataclass(frozen=True)
class Dense:
    """What a dense layer is; `initial_value` is that of the constant initialiser."""

    type: ClassVar[str] = "dense"
    name: str
    n_inputs: int
    n_outputs: int
    activation: Activation
    initializer: Initializer
    has_bias: bool = True
    initial_value: float = 0.0

    def tensors(self) -> tuple[Tensor, ...]:
        """Return weight (I, O), bias (O,) if there is one, and slope (O,) for PReLU."""
        found = [Tensor(f"{self.name}.weight", (self.n_inputs, self.n_outputs), Role.WEIGHT)]
        if self.has_bias:
            found.append(Tensor(f"{self.name}.bias", (self.n_outputs,), Role.OTHER))
        if self.activation == "prelu":
            found.append(Tensor(f"{self.name}.slope", (self.n_outputs,), Role.OTHER))
        return tuple(found)

    def initialize(self, tensors: Views, rng: np.random.Generator) -> None:
        """Write initial weights; the bias starts at 0, every slope at 1/4."""
        weight = tensors[f"{self.name}.weight"]
        weight[...] = initializers.draw(self.initializer, weight.shape, rng, self.initial_value)
        if self.has_bias:
            tensors[f"{self.name}.bias"][...] = 0.0
        if self.activation == "prelu":
            tensors[f"{self.name}.slope"][...] = PRELU_SLOPE

    def on_batch(self, place: Workplace) -> DenseOnBatch:
        """The layer at work."""
        return DenseOnBatch(self, place)


class DenseOnBatch:
    """A dense layer at work."""

    def __init__(self, layer: Dense, place: Workplace) -> None:
        self._add = place.memory.xp.add
        self._product = product_for(place)
        self._a = place.array(layer.n_outputs)
        W = place.tensors[f"{layer.name}.weight"]
        self._weighted_sums = RowProduct(self._product, place.product_rows, W, self._a)
        bias = place.tensors.get(f"{layer.name}.bias")
        self._b = None if bias is None else bias[..., None, :]
        self._activation = activation.kernel_for(layer, place)
        if place.gradients is not None:
            self.da = place.array(layer.n_outputs)
            self._W_by_unit = transposed(W)
            self._dW = place.gradients[f"{layer.name}.weight"]
            self._db = place.gradients.get(f"{layer.name}.bias")
            self._ones = place.memory.ones((place.rows.total,))

    def forward(self, X: Array, batch: int) -> Array:  # noqa: ARG002 - nothing random here
        """X (B, I) to A = f(X W + b) (B, O), valid until the next call."""
        a = self._a
        self._weighted_sums(X)
        if self._b is not None:
            self._add(a, self._b, out=a)
        self._activation.forward(a)
        return a

    def backward(self, X: Array, dX: Array | None) -> None:
        """From dL/dA: dW = X^T dZ, db = the column sums of dZ, dX = dZ W^T."""
        dz = self.da
        self._activation.backward(self._a, dz)
        self._product(transposed(X), dz, out=self._dW)
        if self._db is not None:
            self._product(self._ones, dz, out=self._db)
        if dX is not None:
            self._product(dz, self._W_by_unit, out=dX)
