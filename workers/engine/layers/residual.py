"""The residual connection: what went into an earlier layer is added to what came out of the last.

He et al. 2016. The layer itself only keeps the place; the network has both of its inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np

    from workers.engine.layers.layer import Tensor, Workplace
    from workers.engine.tensors import Array, Views


@dataclass(frozen=True)
class Residual:
    """What a residual connection is: `source` is the place of the layer whose input is added."""

    type: ClassVar[str] = "residual"
    name: str
    n_inputs: int
    source: int

    @property
    def n_outputs(self) -> int:
        """As many as inputs."""
        return self.n_inputs

    def tensors(self) -> tuple[Tensor, ...]:
        """Return nothing: no numbers."""
        return ()

    def initialize(self, tensors: Views, rng: np.random.Generator) -> None:
        """Nothing to write."""

    def on_batch(self, place: Workplace) -> ResidualOnBatch:
        """The connection at work."""
        return ResidualOnBatch(self, place)


class ResidualOnBatch:
    """A residual connection at work."""

    def __init__(self, layer: Residual, place: Workplace) -> None:
        self._add = place.memory.xp.add
        self._copyto = place.memory.xp.copyto
        self._a = place.array(layer.n_outputs)
        self._earlier = self._a
        if place.learning:
            self.da = place.array(layer.n_outputs)

    def connect(self, earlier: Array) -> None:
        """Say what went into the layer at `source` in this batch."""
        self._earlier = earlier

    def forward(self, X: Array, batch: int) -> Array:  # noqa: ARG002 - nothing random here
        """A = X + X'."""
        self._add(X, self._earlier, out=self._a)
        return self._a

    def backward(self, X: Array, dX: Array | None) -> None:  # noqa: ARG002 - linear in X
        """Leave dX = dA, which stays in `da` for X'."""
        if dX is not None:
            self._copyto(dX, self.da)

    def add_to(self, dX: Array) -> None:
        """Add dL/dX' to what the layer at `source` left there."""
        self._add(dX, self.da, out=dX)
