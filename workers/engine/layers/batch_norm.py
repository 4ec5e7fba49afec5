"""Batch normalisation: every column by its mean and variance, in training those of the batch.

Ioffe and Szegedy 2015. Prediction goes by running statistics, which the forward pass of training
moves along: running = momentum running + (1 - momentum) new, the new variance being the unbiased
one. A batch of one row has none, and leaves them as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from workers.engine.layers.layer import Role, Tensor, Workplace
from workers.engine.layers.products import product_for

if TYPE_CHECKING:
    import numpy as np

    from workers.engine.tensors import Array, Views


@dataclass(frozen=True)
class BatchNorm:
    """What a batch norm is; `momentum` weighs the old running statistics."""

    type: ClassVar[str] = "batch_norm"
    name: str
    n_inputs: int
    momentum: float
    epsilon: float

    @property
    def n_outputs(self) -> int:
        """As many as inputs."""
        return self.n_inputs

    def tensors(self) -> tuple[Tensor, ...]:
        """Return scale and shift (I,), learned, and the running mean and variance (I,)."""
        shape = (self.n_inputs,)
        return (
            Tensor(f"{self.name}.scale", shape, Role.OTHER),
            Tensor(f"{self.name}.shift", shape, Role.OTHER),
            Tensor(f"{self.name}.mean", shape, Role.BUFFER),
            Tensor(f"{self.name}.variance", shape, Role.BUFFER),
        )

    def initialize(self, tensors: Views, rng: np.random.Generator) -> None:  # noqa: ARG002
        """Start as the identity: scale and variance 1, shift and mean 0."""
        for tensor, value in zip(self.tensors(), (1.0, 0.0, 0.0, 1.0), strict=True):
            tensors[tensor.name][...] = value

    def on_batch(self, place: Workplace) -> BatchNormOnBatch:
        """The layer at work."""
        return BatchNormOnBatch(self, place)


class BatchNormOnBatch:
    """A batch norm at work: by the batch when learning, else each row by running statistics."""

    def __init__(self, layer: BatchNorm, place: Workplace) -> None:
        memory = place.memory
        self._xp = memory.xp
        self._product = product_for(place)
        self._tensors = {t.name.rpartition(".")[2]: place.tensors[t.name] for t in layer.tensors()}
        self._epsilon = memory.constant(layer.epsilon)
        per_column = self._tensors["scale"].shape
        self._divisor = memory.empty(per_column)
        self._factor = memory.empty(per_column)
        self._a = place.array(layer.n_outputs)
        self._learning = place.gradients is not None
        if place.gradients is not None:
            n_rows = place.rows.total
            self.da = place.array(layer.n_outputs)
            self._d_scale = place.gradients[f"{layer.name}.scale"]
            self._d_shift = place.gradients[f"{layer.name}.shift"]
            self._x_hat = place.array(layer.n_outputs)
            self._mean = memory.empty(per_column)
            self._variance = memory.empty(per_column)
            self._ones = memory.ones((n_rows,))
            self._share = memory.constant(1.0 / n_rows)
            self._old = memory.constant(layer.momentum)
            self._new = memory.constant(1.0 - layer.momentum)
            self._unbiased = memory.constant(n_rows / max(1, n_rows - 1))
            self._has_variance = n_rows > 1

    def forward(self, X: Array, batch: int) -> Array:  # noqa: ARG002 - nothing random here
        """A = scale (X - mean) / sqrt(variance + epsilon) + shift."""
        return self._by_batch(X) if self._learning else self._by_running(X)

    def _by_running(self, X: Array) -> Array:
        xp, a, tensors = self._xp, self._a, self._tensors
        self._set_factor(tensors["variance"])
        xp.subtract(X, _row(tensors["mean"]), out=a)
        xp.multiply(a, _row(self._factor), out=a)
        xp.add(a, _row(tensors["shift"]), out=a)
        return a

    def _by_batch(self, X: Array) -> Array:
        xp, a, x_hat = self._xp, self._a, self._x_hat
        mean, variance = self._mean, self._variance
        self._mean_of_rows(X, mean)
        xp.subtract(X, _row(mean), out=x_hat)
        xp.multiply(x_hat, x_hat, out=a)
        self._mean_of_rows(a, variance)
        self._set_factor(variance)
        xp.divide(x_hat, _row(self._divisor), out=x_hat)
        xp.multiply(x_hat, _row(self._tensors["scale"]), out=a)
        xp.add(a, _row(self._tensors["shift"]), out=a)
        if self._has_variance:
            xp.multiply(variance, self._unbiased, out=variance)
            self._move(self._tensors["mean"], mean)
            self._move(self._tensors["variance"], variance)
        return a

    def _mean_of_rows(self, X: Array, mean: Array) -> None:
        self._product(self._ones, X, out=mean)
        self._xp.multiply(mean, self._share, out=mean)

    def _set_factor(self, variance: Array) -> None:
        """The divisor sqrt(variance + epsilon), and the factor scale / divisor."""
        xp, divisor = self._xp, self._divisor
        xp.add(variance, self._epsilon, out=divisor)
        xp.sqrt(divisor, out=divisor)
        xp.divide(self._tensors["scale"], divisor, out=self._factor)

    def _move(self, running: Array, new: Array) -> None:
        """Running = momentum running + (1 - momentum) new; `new` is used up."""
        xp = self._xp
        xp.multiply(running, self._old, out=running)
        xp.multiply(new, self._new, out=new)
        xp.add(running, new, out=running)

    def backward(self, X: Array, dX: Array | None) -> None:  # noqa: ARG002 - x_hat is enough
        """Leave dX = factor (dA - mean(dA) - x_hat mean(dA x_hat)), the means over the rows."""
        xp, a, da, x_hat = self._xp, self._a, self.da, self._x_hat
        xp.multiply(da, x_hat, out=a)
        self._product(self._ones, a, out=self._d_scale)
        self._product(self._ones, da, out=self._d_shift)
        if dX is None:
            return
        xp.multiply(self._d_scale, self._share, out=self._variance)
        xp.multiply(self._d_shift, self._share, out=self._mean)
        xp.multiply(x_hat, _row(self._variance), out=a)
        xp.subtract(da, a, out=dX)
        xp.subtract(dX, _row(self._mean), out=dX)
        xp.multiply(dX, _row(self._factor), out=dX)


def _row(per_column: Array) -> Array:
    """(I,) or (K, I) as the one row of (1, I) or (K, 1, I)."""
    return per_column[..., None, :]
