"""Periodic embeddings of numbers: learned waves of each numeric column beside the number itself.

PBLD of Holzmueller et al. 2024, after the periodic features of Gorishniy et al. 2022. A column x
becomes (x, cos(2 pi f x + p) W + b) with frequencies f (H,), phases p (H,), W (H, D) and b (D,) of
its own; D is one less than the dimension, the number itself staying where it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from workers.engine.layers.layer import Role, Tensor, Workplace
from workers.engine.layers.products import RowProduct, transposed

if TYPE_CHECKING:
    import numpy as np

    from workers.engine.tensors import Array, Views

_NAME = "numeric_embeddings"


@dataclass(frozen=True)
class NumericEmbedding:
    """What the embedding of the `columns` among the inputs is, for all of them at once."""

    type: ClassVar[str] = "numeric_embedding"
    name: ClassVar[str] = _NAME
    columns: tuple[int, ...]
    frequencies: int
    dimension: int
    sigma: float

    @property
    def n_outputs(self) -> int:
        """The columns that come behind the numbers themselves."""
        return len(self.columns) * (self.dimension - 1)

    def tensors(self) -> tuple[Tensor, ...]:
        """Return frequency and phase (F, H), weight (F, H, D) and bias (F, D) of F columns."""
        waves = (len(self.columns), self.frequencies)
        out = (len(self.columns), self.dimension - 1)
        return (
            Tensor(f"{_NAME}.frequency", waves, Role.OTHER),
            Tensor(f"{_NAME}.phase", waves, Role.OTHER),
            Tensor(f"{_NAME}.weight", (*waves, self.dimension - 1), Role.WEIGHT),
            Tensor(f"{_NAME}.bias", out, Role.OTHER),
        )

    def initialize(self, tensors: Views, rng: np.random.Generator) -> None:
        """Draw f normal with deviation sigma, p in +-pi, W and b in +-1 / sqrt(H)."""
        bound = 1.0 / math.sqrt(self.frequencies)
        frequency, phase, weight, bias = (tensors[tensor.name] for tensor in self.tensors())
        frequency[...] = rng.normal(0.0, self.sigma, frequency.shape)
        phase[...] = rng.uniform(-math.pi, math.pi, phase.shape)
        weight[...] = rng.uniform(-bound, bound, weight.shape)
        bias[...] = rng.uniform(-bound, bound, bias.shape)

    def on_batch(self, place: Workplace) -> NumericEmbeddingOnBatch:
        """The embedding at work."""
        return NumericEmbeddingOnBatch(self, place)


class NumericEmbeddingOnBatch:
    """The embedding at work, column by column: arrays are (F, B, ...)."""

    def __init__(self, layer: NumericEmbedding, place: Workplace) -> None:
        self._xp = place.memory.xp
        self._columns = layer.columns
        n_columns, n_rows = len(layer.columns), place.rows.total
        lead = (*place.members, n_columns)
        tensors = [tensor.name.rpartition(".")[2] for tensor in layer.tensors()]
        own = {name: place.tensors[f"{_NAME}.{name}"] for name in tensors}
        waves = (*lead, n_rows, layer.frequencies)
        self._x = place.memory.empty((*lead, n_rows))
        self._waves = place.memory.empty(waves)
        self._a = place.memory.empty((*lead, n_rows, layer.dimension - 1))
        self._frequency, self._phase = own["frequency"][..., None, :], own["phase"][..., None, :]
        self._bias = own["bias"][..., None, :]
        self._turn = place.memory.constant(2.0 * math.pi)
        W = own["weight"]
        self._weighted_sums = RowProduct(self._xp.matmul, place.product_rows, W, self._a)
        self._learning = place.learning
        if place.gradients is not None:
            self._gradients = [place.gradients[f"{_NAME}.{name}"] for name in tensors]
            self._slopes = place.memory.empty(waves)
            self._W_by_output = transposed(W)
            self._ones = place.memory.ones((n_rows,))

    def forward(self, X: Array, out: Array) -> None:
        """Of X (B, I), leave the columns behind the numbers in `out` (B, F D)."""
        xp, waves = self._xp, self._waves
        for place, column in enumerate(self._columns):
            xp.copyto(self._x[..., place, :], X[..., column])
        xp.multiply(self._x[..., None], self._frequency, out=waves)
        xp.multiply(waves, self._turn, out=waves)
        xp.add(waves, self._phase, out=waves)
        if self._learning:
            xp.sin(waves, out=self._slopes)
        xp.cos(waves, out=waves)
        self._weighted_sums(waves)
        xp.add(self._a, self._bias, out=self._a)
        xp.copyto(self._by_column(out), self._a)

    def backward(self, d_out: Array) -> None:
        """From dL/d out: the gradients of all tensors; the numbers themselves have none."""
        xp, waves, slopes, da = self._xp, self._waves, self._slopes, self._a
        d_frequency, d_phase, dW, d_bias = self._gradients
        xp.copyto(da, self._by_column(d_out))
        xp.matmul(self._ones, da, out=d_bias)
        xp.matmul(transposed(waves), da, out=dW)
        xp.matmul(da, self._W_by_output, out=waves)
        xp.multiply(waves, slopes, out=slopes)
        xp.negative(slopes, out=slopes)
        xp.matmul(self._ones, slopes, out=d_phase)
        xp.multiply(slopes, self._x[..., None], out=slopes)
        xp.matmul(self._ones, slopes, out=d_frequency)
        xp.multiply(d_frequency, self._turn, out=d_frequency)

    def _by_column(self, columns: Array) -> Array:
        """A view (F, B, D) of (B, F D)."""
        shape = (*columns.shape[:-1], len(self._columns), self._a.shape[-1])
        return columns.reshape(shape).swapaxes(-2, -3)
