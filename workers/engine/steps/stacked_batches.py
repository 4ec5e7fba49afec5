"""The batches of stacked members: for each in an order of its own, from its own rows or shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from workers.engine.steps.batches import STRETCH_BYTES, Batch, cut, training_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workers.engine.problem import Problem
    from workers.engine.tensors import Array, Memory, Shape


class Tables(NamedTuple):
    """The different tables among those of some members, all of one shape, and which is whose."""

    rows: Sequence[Batch]
    of_members: Sequence[int]

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> Self:
        """ValueError where rows, targets and weights of a table do not fit together."""
        places: dict[int, int] = {}
        rows: list[Batch] = []
        for problem in problems:
            if id(problem.data) not in places:
                places[id(problem.data)] = len(rows)
                rows.append(training_rows(problem))
        return cls(rows, [places[id(problem.data)] for problem in problems])


class StackedBatches:
    """Batches X (K, B, I), y and weights alike, gathered a stretch at a time as in `batches`.

    A batch is contiguous, as compiled kernels need it, and valid until another stretch is entered.
    """

    def __init__(self, tables: Tables, batch_size: int, memory: Memory) -> None:
        self._memory = memory
        rows, members = tables.rows[0], len(tables.of_members)
        cuts = cut(rows, batch_size, STRETCH_BYTES // members)
        self.n_rows, self.batch_size, self.count, self.tail = cuts[:4]
        self._per_stretch, size = cuts.per_stretch, cuts.batch_size
        length = cuts.length // size
        self._batches = _like(rows, (length, members, size), memory)
        self._tail_batch = _like(rows, (members, self.tail), memory)
        self._views = [_part(self._batches, index) for index in range(length)]
        parts = zip(_joined(tables.rows, memory), self._batches, self._tail_batch, strict=True)
        self._parts = [part for part in parts if part[0] is not None]
        self._are_shared = len(tables.rows) == 1
        self._first_rows = np.array(tables.of_members)[:, None] * self.n_rows
        self._loaded = -1
        self._order: Any = None
        self._tail_order: Any = None

    def enter(self, orders: Sequence[NDArray[np.intp] | None]) -> None:
        """Begin an epoch in the members' orders of the rows, or all in that of the table: None."""
        drawn = [order for order in orders if order is not None]
        if not drawn and not self._are_shared:
            drawn = [np.arange(self.n_rows)] * len(orders)
        self._order = self._tail_order = None
        if drawn:
            whole = self.n_rows - self.tail
            order = np.stack(drawn)
            if not self._are_shared:
                order += self._first_rows
            # As the batches lie, so that one call gathers a stretch for all members.
            batches = order[:, :whole].reshape(len(drawn), -1, self.batch_size).swapaxes(0, 1)
            as_array = self._memory.xp.asarray
            self._order = as_array(np.ascontiguousarray(batches))
            self._tail_order = as_array(np.ascontiguousarray(order[:, whole:]))
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
        first = stretch * self._per_stretch
        end = min(first + self._per_stretch, self.n_rows // self.batch_size)
        has_tail = self.tail > 0 and first + self._per_stretch >= self.count
        for source, batches, tail in self._parts:
            if self._order is None:
                self._copy(source, batches, range(first, end))
            elif end > first:
                self._memory.take_rows(source, self._order[first:end], batches[: end - first])
            if has_tail and self._order is None:
                self._memory.xp.copyto(tail, source[self.n_rows - self.tail :])
            elif has_tail:
                self._memory.take_rows(source, self._tail_order, tail)
        self._loaded = stretch

    def _copy(self, source: Array, batches: Array, indices: range) -> None:
        """The same rows for every member."""
        for target, index in zip(batches, indices, strict=False):
            start = index * self.batch_size
            self._memory.xp.copyto(target, source[start : start + self.batch_size])


def _joined(tables: Sequence[Batch], memory: Memory) -> Batch:
    """One table behind the other, so that one call gathers from all of them."""
    if len(tables) == 1:
        return tables[0]
    join = memory.xp.concatenate
    return Batch(*(None if a[0] is None else join(a) for a in zip(*tables, strict=True)))


def _like(rows: Batch, lead: Shape, memory: Memory) -> Batch:
    """Memory for such rows under other axes."""
    empty = memory.xp.empty
    return Batch(*(None if a is None else empty((*lead, *a.shape[1:]), a.dtype) for a in rows))


def _part(batches: Batch, index: int) -> Batch:
    return Batch(*(None if a is None else a[index] for a in batches))
