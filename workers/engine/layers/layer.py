"""What every layer is: a description without numbers, and the same layer at work on batches."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from workers.engine.tensors import BatchRows

if TYPE_CHECKING:
    import numpy as np

    from workers.engine.kernels.contract import Kernels
    from workers.engine.tensors import Array, Memory, Shape, Views


class Role(IntEnum):
    """What may change a tensor; the flat vector holds them in this order."""

    WEIGHT = 0  # trained, and what penalties and decay act on
    OTHER = 1  # trained, without penalty: biases, a norm's scale and shift, a PReLU's slopes
    BUFFER = 2  # not trained: the running statistics of batch norm


class Tensor(NamedTuple):
    """A tensor of a layer, under its full name."""

    name: str
    shape: Shape
    role: Role


class Workplace(NamedTuple):
    """What a layer needs to work on batches of one size.

    `tensors` are views of the parameters; `gradients` of the gradient vector, or None where
    nothing is learned. Both may have the axis of stacked members (K,) in front, whose number
    `members` holds; `seeds` has one seed for each of them. With `copies` the rows are those of a
    batch as many times, one copy of all of it behind the other.
    """

    rows: BatchRows
    tensors: Views
    gradients: Views | None
    kernels: Kernels
    memory: Memory
    members: Shape
    seeds: tuple[int, ...]
    copies: int = 1

    @property
    def learning(self) -> bool:
        """Whether there will be a backward pass."""
        return self.gradients is not None

    @property
    def product_rows(self) -> BatchRows:
        """The rows of one product: all when learning, otherwise those of a copy by itself.

        Only so does a row get the same bits in any company, whatever the number of copies.
        """
        total = self.rows.total if self.learning else self.rows.total // self.copies
        return BatchRows(total, total if self.learning else self.rows.per_product)

    def shape(self, width: int) -> Shape:
        """Of a batch so many columns wide: (B, width), or (K, B, width)."""
        return (*self.members, self.rows.total, width)

    def array(self, width: int) -> Array:
        """Memory for a batch so many columns wide."""
        return self.memory.empty(self.shape(width))


class LayerOnBatch(Protocol):
    """A layer at work on batches of one size, on memory taken once.

    `da` is where the next layer leaves dL/dA; it is there only when learning.
    """

    da: Array

    def forward(self, X: Array, batch: int) -> Array:
        """X (B, I) to A (B, O), valid until the next call; batch counts the run's from 1."""

    def backward(self, X: Array, dX: Array | None) -> None:
        """From dL/dA in `da`, which may be overwritten, to the gradients of the layer's tensors.

        X is what the last `forward` was given. dL/dX is left in `dX`, unless nobody needs it.
        """


class Part(Protocol):
    """A part of a network, without numbers: hashable, and equal to another of the same kind."""

    @property
    def name(self) -> str:
        """The kind with a running number, `layers.0` (dense) or `norms.0`; before its tensors'."""

    @property
    def type(self) -> str:
        """The kind, as specifications call it."""

    @property
    def n_outputs(self) -> int:
        """Columns that come out."""

    def tensors(self) -> tuple[Tensor, ...]:
        """Its tensors; none for most kinds."""


class Layer(Part, Protocol):
    """What a layer is: its place, its widths, its function."""

    @property
    def n_inputs(self) -> int:
        """Columns that go in."""

    def initialize(self, tensors: Views, rng: np.random.Generator) -> None:
        """Write the initial numbers of its tensors."""

    def on_batch(self, place: Workplace) -> LayerOnBatch:
        """The layer at work."""
