"""Inverted dropout: values vanish at random in training, and none in prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from workers.engine import philox

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from workers.engine.kernels.contract import MaskKernel
    from workers.engine.layers.layer import Tensor, Workplace
    from workers.engine.tensors import Array, Views


@dataclass(frozen=True)
class Dropout:
    """What a dropout layer is; `index` counts the dropout layers and is part of its stream.

    Stacked members may have `rates` of their own.
    """

    type: ClassVar[str] = "dropout"
    name: str
    n_inputs: int
    rate: float
    index: int
    rates: tuple[float, ...] = ()

    @property
    def n_outputs(self) -> int:
        """As many as inputs."""
        return self.n_inputs

    def tensors(self) -> tuple[Tensor, ...]:
        """Return nothing: no numbers."""
        return ()

    def initialize(self, tensors: Views, rng: np.random.Generator) -> None:
        """Nothing to write."""

    def on_batch(self, place: Workplace) -> DropoutOnBatch:
        """The layer at work."""
        return DropoutOnBatch(self, place)


class DropoutOnBatch:
    """A dropout layer at work (Srivastava et al. 2014)."""

    def __init__(self, layer: Dropout, place: Workplace) -> None:
        self._multiply = place.memory.xp.multiply
        self._learning = place.learning
        if place.learning:
            self._a = place.array(layer.n_outputs)
            self._mask = place.array(layer.n_outputs)
            self.da = place.array(layer.n_outputs)
            self._draws = list(_draws(layer, place, self._mask))

    def forward(self, X: Array, batch: int) -> Array:
        """A = M X with M from {0, 1 / (1 - rate)}; A = X where nothing is learned."""
        if not self._learning:
            return X
        for draw, mask in self._draws:
            draw(batch, mask)
        self._multiply(X, self._mask, out=self._a)
        return self._a

    def backward(self, X: Array, dX: Array | None) -> None:  # noqa: ARG002 - linear in X
        """Leave dX = M dA."""
        if dX is not None:
            self._multiply(self.da, self._mask, out=dX)


def _draws(layer: Dropout, place: Workplace, mask: Array) -> Iterator[tuple[MaskKernel, Array]]:
    """What fills which part of the mask: one kernel for all members that have the same rate."""
    make = place.kernels.mask or philox.Mask
    rates = layer.rates or (layer.rate,)
    if len(set(rates)) == 1:
        yield make(place.memory, mask.shape, place.seeds, layer.index, rates[0]), mask
        return
    for seed, rate, part in zip(place.seeds, rates, mask, strict=True):
        yield make(place.memory, part.shape, (seed,), layer.index, rate), part
