"""Layer normalisation: every row by its own mean and (biased) variance (Ba et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from workers.engine.layers.layer import Role, Tensor, Workplace
from workers.engine.layers.products import product_for

if TYPE_CHECKING:
    import numpy as np

    from workers.engine.tensors import Array, Views


@dataclass(frozen=True)
class LayerNorm:
    """What a layer norm is."""

    type: ClassVar[str] = "layer_norm"
    name: str
    n_inputs: int
    epsilon: float

    @property
    def n_outputs(self) -> int:
        """As many as inputs."""
        return self.n_inputs

    def tensors(self) -> tuple[Tensor, ...]:
        """Return scale and shift (I,)."""
        shape = (self.n_inputs,)
        return (
            Tensor(f"{self.name}.scale", shape, Role.OTHER),
            Tensor(f"{self.name}.shift", shape, Role.OTHER),
        )

    def initialize(self, tensors: Views, rng: np.random.Generator) -> None:  # noqa: ARG002
        """Scale 1, shift 0."""
        tensors[f"{self.name}.scale"][...] = 1.0
        tensors[f"{self.name}.shift"][...] = 0.0

    def on_batch(self, place: Workplace) -> LayerNormOnBatch:
        """The layer at work."""
        return LayerNormOnBatch(self, place)


class LayerNormOnBatch:
    """A layer norm at work."""

    def __init__(self, layer: LayerNorm, place: Workplace) -> None:
        memory = place.memory
        self._xp = memory.xp
        self._product = product_for(place)
        self._scale = place.tensors[f"{layer.name}.scale"][..., None, :]
        self._shift = place.tensors[f"{layer.name}.shift"][..., None, :]
        self._epsilon = memory.constant(layer.epsilon)
        self._share = memory.constant(1.0 / layer.n_inputs)
        self._x_hat = place.array(layer.n_outputs)
        self._a = place.array(layer.n_outputs)
        self._mean = place.array(1)
        self._divisor = place.array(1)
        if place.gradients is not None:
            self.da = place.array(layer.n_outputs)
            self._d_scale = place.gradients[f"{layer.name}.scale"]
            self._d_shift = place.gradients[f"{layer.name}.shift"]
            self._ones = memory.ones((place.rows.total,))

    def forward(self, X: Array, batch: int) -> Array:  # noqa: ARG002 - nothing random here
        """A = scale (X - mean) / sqrt(variance + epsilon) + shift."""
        xp, a, x_hat, divisor = self._xp, self._a, self._x_hat, self._divisor
        self._mean_of_columns(X, self._mean)
        xp.subtract(X, self._mean, out=x_hat)
        xp.multiply(x_hat, x_hat, out=a)
        self._mean_of_columns(a, divisor)
        xp.add(divisor, self._epsilon, out=divisor)
        xp.sqrt(divisor, out=divisor)
        xp.divide(x_hat, divisor, out=x_hat)
        xp.multiply(x_hat, self._scale, out=a)
        xp.add(a, self._shift, out=a)
        return a

    def backward(self, X: Array, dX: Array | None) -> None:  # noqa: ARG002 - x_hat is enough
        """Leave dX = (G - mean(G) - x_hat mean(G x_hat)) / divisor, G = scale dA, means by row."""
        xp, a, da, x_hat, mean = self._xp, self._a, self.da, self._x_hat, self._mean
        xp.multiply(da, x_hat, out=a)
        self._product(self._ones, a, out=self._d_scale)
        self._product(self._ones, da, out=self._d_shift)
        if dX is None:
            return
        xp.multiply(a, self._scale, out=a)
        self._mean_of_columns(a, mean)
        xp.multiply(x_hat, mean, out=a)
        xp.multiply(da, self._scale, out=da)
        self._mean_of_columns(da, mean)
        xp.subtract(da, a, out=dX)
        xp.subtract(dX, mean, out=dX)
        xp.divide(dX, self._divisor, out=dX)

    def _mean_of_columns(self, X: Array, mean: Array) -> None:
        self._xp.sum(X, axis=-1, keepdims=True, out=mean)
        self._xp.multiply(mean, self._share, out=mean)
