"""The dense layer `A = f(X W + b)`: every neuron of a layer at once, as matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workers.engine.layers import initializers
from workers.engine.spec import Activation, Initializer

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Kernels
    from workers.engine.tensors import Array, BatchRows, Shape, Views


@dataclass(frozen=True)
class Dense:
    """What a dense layer is: its place, its sizes, its function. Hashable, without numbers."""

    name: str
    n_inputs: int
    n_outputs: int
    activation: Activation
    initializer: Initializer
    has_bias: bool

    def tensors(self) -> dict[str, Shape]:
        """Full names and shapes: weight (I, O), bias (O,)."""
        shapes: dict[str, Shape] = {f"{self.name}.weight": (self.n_inputs, self.n_outputs)}
        if self.has_bias:
            shapes[f"{self.name}.bias"] = (self.n_outputs,)
        return shapes

    def initialize(self, tensors: Views, rng: np.random.Generator) -> None:
        """Write initial weights; the bias starts at 0."""
        weight = tensors[f"{self.name}.weight"]
        weight[...] = initializers.draw(self.initializer, weight.shape, rng)
        if self.has_bias:
            tensors[f"{self.name}.bias"][...] = 0.0


class DenseOnBatch:
    """A dense layer at work on batches of one size, on memory taken once.

    `tensors` are views of the parameters; `gradients` of the gradient vector, or None where
    nothing is to be learned. `da` (B, O) is where the next layer leaves dL/dA. All
    three passes run on `rows.total` rows; the product X W on `rows.per_product` at a time.
    """

    def __init__(
        self,
        layer: Dense,
        rows: BatchRows,
        tensors: Views,
        gradients: Views | None,
        kernels: Kernels,
    ) -> None:
        self._W = tensors[f"{layer.name}.weight"]
        self._b = tensors.get(f"{layer.name}.bias")
        shape, dtype = (rows.total, layer.n_outputs), self._W.dtype
        self._activation = kernels.activations[layer.activation](shape, dtype)
        self._a = np.empty(shape, dtype)
        self._per_product = rows.per_product
        starts = range(0, rows.total, rows.per_product)
        self._a_pieces = [self._a[start : start + rows.per_product] for start in starts]
        if gradients is not None:
            self.da = np.empty(shape, dtype)
            self._dW = gradients[f"{layer.name}.weight"]
            self._db = gradients.get(f"{layer.name}.bias")
            self._ones = np.ones(rows.total, dtype)

    def forward(self, X: Array) -> Array:
        """X (B, I) to A = f(X W + b) (B, O), valid until the next call."""
        a = self._a
        start = 0
        for piece in self._a_pieces:
            end = start + self._per_product
            np.dot(X[start:end], self._W, out=piece)
            start = end
        if self._b is not None:
            np.add(a, self._b, out=a)
        self._activation.forward(a)
        return a

    def backward(self, X: Array, dX: Array | None) -> None:
        """From dL/dA, left in `da`: dW = X^T dZ, db = the column sums of dZ, dX = dZ W^T.

        dX is left out (None) for the first layer: nobody learns from the data's gradient.
        """
        dz = self.da
        self._activation.backward(self._a, dz)
        np.dot(X.T, dz, out=self._dW)
        if self._db is not None:
            np.dot(self._ones, dz, out=self._db)
        if dX is not None:
            np.dot(dz, self._W.T, out=dX)
