"""The batches of an epoch, gathered from the shuffled rows a stretch at a time.

Gathering many batches at once costs far less per batch than indexing rows for each; a stretch
that fits into the cache costs less than a shuffled copy of the whole matrix, and no memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workers.engine import losses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from workers.engine.kernels.contract import Upload
    from workers.engine.problem import Problem
    from workers.engine.tensors import Array, Memory

STRETCH_BYTES = 1 << 20
"""About half of a usual level-2 cache."""

STAGED_BYTES = 1 << 26
"""Of a table that does not fit on a device: large enough to use the bus well."""


class Batch(NamedTuple):
    """X (B, I), y (B, ...), weights (B,) or None."""

    X: Any
    y: Any
    weights: Any


class Cuts(NamedTuple):
    """How rows fall into batches, the last of which has `tail` rows unless that is 0.

    A stretch is `per_stretch` batches or `length` rows, fewer at the end.
    """

    n_rows: int
    batch_size: int
    n_batches: int
    tail: int
    per_stretch: int
    length: int


def cut(rows: Batch, batch_size: int, stretch_bytes: int) -> Cuts:
    """Cut into stretches of about so many bytes, a batch at least."""
    n_rows = len(rows.X)
    size = min(batch_size, n_rows)
    count = -(-n_rows // size)
    row_bytes: int = max(1, sum(a.nbytes for a in rows if a is not None) // n_rows)
    per_stretch = min(max(1, stretch_bytes // (row_bytes * size)), count)
    return Cuts(n_rows, size, count, n_rows % size, per_stretch, min(per_stretch * size, n_rows))


class Batches:
    """Rows in batches of `batch_size`; the last may be smaller.

    The views of the stretch are built once. A batch is valid until another stretch is entered.
    """

    def __init__(
        self, rows: Batch, batch_size: int, memory: Memory, upload: Upload | None = None
    ) -> None:
        """`upload` is for arrays of the host among the rows, where `memory` is on a device."""
        self._memory = memory
        sources = [array for array in rows if array is not None]
        staged = [memory.xp is not np and isinstance(array, np.ndarray) for array in sources]
        cuts = cut(rows, batch_size, STAGED_BYTES if any(staged) else STRETCH_BYTES)
        self.n_rows, self.batch_size, self.count, self.tail = cuts[:4]
        self._per_stretch, self._length = cuts.per_stretch, cuts.length
        self._stretch = Batch(
            *(
                None
                if array is None
                else memory.xp.empty((self._length, *array.shape[1:]), array.dtype)
                for array in rows
            )
        )
        targets = [array for array in self._stretch if array is not None]
        self._gathers: list[_Gather | _StagedGather] = [
            _StagedGather(source, target, upload)
            if upload is not None and is_staged
            else _Gather(source, target, memory)
            for source, target, is_staged in zip(sources, targets, staged, strict=True)
        ]
        self._views = list(self._cut())
        start = (self.count - 1) % self._per_stretch * self.batch_size
        self._tail_view = self._view(start, start + self.tail)
        self._loaded = -1

    def enter(self, order: NDArray[np.intp] | None) -> None:
        """Begin an epoch in this order of the rows; None is the order of the table."""
        placed = None if order is None else self._memory.xp.asarray(order)
        for gather in self._gathers:
            gather.order = order if isinstance(gather, _StagedGather) else placed
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
        for gather in self._gathers:
            gather.load(start, end)
        self._loaded = stretch

    def _cut(self) -> Iterator[Batch]:
        for start in range(0, self._length, self.batch_size):
            yield self._view(start, start + self.batch_size)

    def _view(self, start: int, end: int) -> Batch:
        return Batch(*(None if a is None else a[start:end] for a in self._stretch))


class _Gather:
    """Rows of an array to a stretch of it, in the `order` entered; None is that of the table."""

    def __init__(self, source: Array, target: Array, memory: Memory) -> None:
        self.order: Any = None
        self._source, self._target, self._memory = source, target, memory

    def load(self, start: int, end: int) -> None:
        """Those in [start, end) of the order."""
        target = self._target[: end - start]
        if self.order is None:
            self._memory.xp.copyto(target, self._source[start:end])
        else:
            self._memory.take_rows(self._source, self.order[start:end], target)


class _StagedGather:
    """The same from an array of the host to a stretch on a device."""

    def __init__(self, source: Array, target: Array, upload: Upload) -> None:
        self.order: Any = None
        self._source, self._target = source, target
        self._staging = upload.staging(target.shape, source.dtype)

    def load(self, start: int, end: int) -> None:
        """Those in [start, end) of the order."""
        count = end - start
        rows = self._staging.rows[:count]
        if self.order is None:
            np.copyto(rows, self._source[start:end])
        else:
            np.take(self._source, self.order[start:end], axis=0, out=rows, mode="clip")
        self._staging.send(count, self._target[:count])


def training_rows(problem: Problem, *, in_parts: bool = False) -> Batch:
    """The rows that train, as the kernels take them, copied only where they must be.

    With `in_parts` X stays on the host where a device does not hold it.

    Raises ValueError where rows, targets and weights do not fit together.
    """
    data, network = problem.data, problem.network
    dtype = problem.memory.dtype
    X = np.ascontiguousarray(data.X, dtype)
    y = losses.as_targets(problem.spec.loss, data.y, (len(X), network.n_outputs), dtype)
    weights = losses.as_weights(data.weights, len(X), dtype)
    to_device, upload = problem.kernels.to_device, problem.kernels.upload
    stays = in_parts and upload is not None and not upload.holds(X.nbytes)
    return Batch(
        X if stays else to_device(X),
        to_device(y),
        None if weights is None else to_device(weights),
    )
