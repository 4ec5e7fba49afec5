"""The batches of stacked members: the same rows, for each member in an order of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workers.engine.steps.batches import STRETCH_BYTES, Batch, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workers.engine.tensors import Memory, Shape


class StackedBatches:
    """Batches X (K, B, I), y and weights alike, gathered a stretch at a time as in `batches`.

    A batch is contiguous, as compiled kernels need it, and valid until another stretch is entered.
    """

    def __init__(self, rows: Batch, batch_size: int, memory: Memory, members: int) -> None:
        self._memory = memory
        self._sources = [array for array in rows if array is not None]
        cuts = cut(rows, batch_size, STRETCH_BYTES // members)
        self.n_rows, self.batch_size, self.count, self.tail = cuts[:4]
        self._per_stretch, size, length = cuts.per_stretch, cuts.batch_size, cuts.length
        self._length = length
        self._gathered = _like(rows, (members, length), memory)
        self._batches = _like(rows, (length // size, members, size), memory)
        self._tail_batch = _like(rows, (members, self.tail), memory)
        self._views = [_part(self._batches, index) for index in range(length // size)]
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
            return self._tail_batch
        return self._views[place]

    def _load(self, stretch: int) -> None:
        start = stretch * self._length
        end = min(start + self._length, self.n_rows)
        gathered = [array for array in self._gathered if array is not None]
        for source, targets in zip(self._sources, gathered, strict=True):
            for member, order in enumerate(self._orders):
                target = targets[member, : end - start]
                if order is None:
                    self._memory.xp.copyto(target, source[start:end])
                else:
                    self._memory.take_rows(source, order[start:end], target)
        self._cut(end - start)
        self._loaded = stretch

    def _cut(self, n_rows: int) -> None:
        """Lay the rows gathered for each member batch by batch."""
        copyto = self._memory.xp.copyto
        full = n_rows // self.batch_size
        rest = n_rows - full * self.batch_size
        parts = zip(self._gathered, self._batches, self._tail_batch, strict=True)
        for gathered, batches, tail in parts:
            if gathered is None:
                continue
            for index in range(full):
                start = index * self.batch_size
                copyto(batches[index], gathered[:, start : start + self.batch_size])
            if rest:
                copyto(tail, gathered[:, n_rows - rest : n_rows])


def _like(rows: Batch, lead: Shape, memory: Memory) -> Batch:
    """Memory for such rows under other axes."""
    empty = memory.xp.empty
    return Batch(*(None if a is None else empty((*lead, *a.shape[1:]), a.dtype) for a in rows))


def _part(batches: Batch, index: int) -> Batch:
    return Batch(*(None if a is None else a[index] for a in batches))
