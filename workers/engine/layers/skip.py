"""The linear path from the inputs to the outputs, past all layers: scores += X W."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from workers.engine.layers.layer import Role, Tensor, Workplace
from workers.engine.layers.products import RowProduct, product_for, transposed

if TYPE_CHECKING:
    from workers.engine.tensors import Array, Views

_WEIGHT = "skip.weight"


@dataclass(frozen=True)
class Skip:
    """What the path is."""

    type: ClassVar[str] = "skip"
    name: ClassVar[str] = "skip"
    n_inputs: int
    n_outputs: int

    def tensors(self) -> tuple[Tensor, ...]:
        """Return the weights (I, O) alone: the output layer has the bias."""
        return (Tensor(_WEIGHT, (self.n_inputs, self.n_outputs), Role.WEIGHT),)

    def initialize(self, tensors: Views) -> None:
        """The weights start at 0: the path says nothing until it has learned."""
        tensors[_WEIGHT][...] = 0.0

    def on_batch(self, place: Workplace) -> SkipOnBatch:
        """The path at work."""
        return SkipOnBatch(self, place)


class SkipOnBatch:
    """The path at work."""

    def __init__(self, skip: Skip, place: Workplace) -> None:
        self._add = place.memory.xp.add
        self._product = product_for(place)
        W = place.tensors[_WEIGHT]
        self._scores = place.array(skip.n_outputs)
        self._weighted_sums = RowProduct(self._product, place.product_rows, W, self._scores)
        if place.gradients is not None:
            self._dW = place.gradients[_WEIGHT]
            self._W_by_output = transposed(W)
            self._dX = place.array(skip.n_inputs)

    def add_to(self, scores: Array, X: Array) -> None:
        """Add X W to the scores (B, O)."""
        self._weighted_sums(X)
        self._add(scores, self._scores, out=scores)

    def backward(self, X: Array, d_scores: Array, dX: Array | None) -> None:
        """Leave dW = X^T dS; add dS W^T to `dX` unless nobody needs it."""
        self._product(transposed(X), d_scores, out=self._dW)
        if dX is not None:
            self._product(d_scores, self._W_by_output, out=self._dX)
            self._add(dX, self._dX, out=dX)
