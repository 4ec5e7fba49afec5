"""The scaling layer: every column times a learned number of its own.

In front of the first dense layer it lets a network weigh its inputs soon (RealMLP, Holzmueller et
al. 2024). Members of one network share the numbers.
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
class Scale:
    """What a scaling layer is; `factor` stands before its numbers, which start at its inverse."""

    type: ClassVar[str] = "scale"
    name: str
    n_inputs: int
    factor: float

    @property
    def n_outputs(self) -> int:
        """As many as inputs."""
        return self.n_inputs

    def tensors(self) -> tuple[Tensor, ...]:
        """Return scale (I,), without decay, which would draw it to 0 and not to where it starts."""
        return (Tensor(f"{self.name}.scale", (self.n_inputs,), Role.OTHER),)

    def initialize(self, tensors: Views, rng: np.random.Generator) -> None:  # noqa: ARG002
        """Start with every column as it is."""
        tensors[f"{self.name}.scale"][...] = 1.0 / self.factor

    def on_batch(self, place: Workplace) -> ScaleOnBatch:
        """The layer at work."""
        return ScaleOnBatch(self, place)


class ScaleOnBatch:
    """A scaling layer at work."""

    def __init__(self, layer: Scale, place: Workplace) -> None:
        self._multiply = place.memory.xp.multiply
        self._product = product_for(place)
        self._factor = place.memory.constant(layer.factor)
        self._scale = place.tensors[f"{layer.name}.scale"][..., None, :]
        self._a = place.array(layer.n_outputs)
        if place.gradients is not None:
            self.da = place.array(layer.n_outputs)
            self._d_scale = place.gradients[f"{layer.name}.scale"]
            self._ones = place.memory.ones((place.rows.total,))

    def forward(self, X: Array, batch: int) -> Array:  # noqa: ARG002 - nothing random here
        """A = factor s X."""
        self._multiply(X, self._factor, out=self._a)
        self._multiply(self._a, self._scale, out=self._a)
        return self._a

    def backward(self, X: Array, dX: Array | None) -> None:
        """With G = factor dA: ds = the column sums of G X, dX = G s."""
        self._multiply(self.da, self._factor, out=self.da)
        # Nobody needs A again: it can hold the products.
        self._multiply(self.da, X, out=self._a)
        self._product(self._ones, self._a, out=self._d_scale)
        if dX is not None:
            self._multiply(self.da, self._scale, out=dX)
