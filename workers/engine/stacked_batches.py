"""The batches of stacked members: the same rows, for each member in an order of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workers.engine.batches import STRETCH_BYTES, Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workers.engine.tensors import Memory


class StackedBatches:
    """Batches X (K, B, I), y and weights alike, gathered a stretch at a time as in `batches`.

    A batch is valid until another stretch is entered.
    """

    def __init__(self, rows: Batch, batch_size: int, memory: Memory, members: int) -> None:
        self._memory = memory
        self._sources = [array for array in rows if array is not None]
        self.n_rows = len(rows.X)
        self.batch_size = min(batch_size, self.n_rows)
        self.tail = self.n_rows % self.batch_size
        self.count = -(-self.n_rows // self.batch_size)
        row_bytes: int = max(1, sum(array.nbytes for array in self._sources) // self.n_rows)
        fitting = max(1, STRETCH_BYTES // (row_bytes * self.batch_size * members))
        self._per_stretch = min(fitting, self.count)
        self._length = min(self._per_stretch * self.batch_size, self.n_rows)
        self._stretch = Batch(
            *(
                None
                if array is None
                else memory.xp.empty((members, self._length, *array.shape[1:]), array.dtype)
                for array in rows
            )
        )
        self._targets = [array for array in self._stretch if array is not None]
        starts = range(0, self._length, self.batch_size)
        self._views = [self._view(start, start + self.batch_size) for start in starts]
        start = (self.count - 1) % self._per_stretch * self.batch_size
        self._tail_view = self._view(start, start + self.tail)
        self._loaded = -1
        self._orders: list[Any] = [None] * members

    def enter(self, orders: Sequence[NDArray[Any] | None]) -> None:
        """Begin an epoch in the members' orders of the rows; None is that of the table."""
        as_array = self._memory.xp.asarray
        self._orders = [None if order is None else as_array(order) for order in orders]
        self._loaded = -1

    def batch(self, index: int) -> Batch:
        """The index-th batch of the epoch entered, index in [0, count)."""
        stretch, place = divmod(index, self._per_stretch)
        if stretch != self._loaded:
            self._load(stretch)
        if self.tail and index == self.count - 1:
            return self._tail_view
        return self._views[place]

    def _load(self, stretch: int) -> None:
        start = stretch * self._length
        end = min(start + self._length, self.n_rows)
        for source, targets in zip(self._sources, self._targets, strict=True):
            for member, order in enumerate(self._orders):
                target = targets[member, : end - start]
                if order is None:
                    self._memory.xp.copyto(target, source[start:end])
                else:
                    self._memory.take_rows(source, order[start:end], target)
        self._loaded = stretch

    def _view(self, start: int, end: int) -> Batch:
        return Batch(*(None if a is None else a[:, start:end] for a in self._stretch))
