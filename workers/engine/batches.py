"""The batches of an epoch, gathered from the shuffled rows a stretch at a time.

Gathering many batches at once costs far less per batch than indexing rows for each; a stretch
that fits into the cache costs less than a shuffled copy of the whole matrix, and no memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from workers.engine.tensors import Array

STRETCH_BYTES = 1 << 20
"""About half of a usual level-2 cache."""

Batch = tuple[Any, Any]


class Batches:
    """Rows X (N, I) and targets y (N, ...) in batches of `batch_size`; the last may be smaller.

    The views of the stretch are built once. A batch is valid until another stretch is entered.
    """

    def __init__(self, X: Array, y: NDArray[Any], batch_size: int) -> None:
        self._X, self._y = X, y
        self.n_rows = len(X)
        self.batch_size = min(batch_size, self.n_rows)
        self.tail = self.n_rows % self.batch_size
        self.count = -(-self.n_rows // self.batch_size)
        row_bytes = max(1, (X.nbytes + y.nbytes) // self.n_rows)
        fitting = max(1, STRETCH_BYTES // (row_bytes * self.batch_size))
        self._per_stretch = min(fitting, self.count)
        rows = min(self._per_stretch * self.batch_size, self.n_rows)
        self._stretch_X = np.empty((rows, *X.shape[1:]), X.dtype)
        self._stretch_y = np.empty((rows, *y.shape[1:]), y.dtype)
        self._views = list(self._cut())
        self._tail_view = self._cut_tail()
        self._loaded = -1
        self._order: NDArray[np.intp] | None = None

    def enter(self, order: NDArray[np.intp] | None) -> None:
        """Begin an epoch in this order of the rows; None is the order of the table."""
        self._order = order
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
        start = stretch * self._per_stretch * self.batch_size
        end = min(start + len(self._stretch_X), self.n_rows)
        for source, target in ((self._X, self._stretch_X), (self._y, self._stretch_y)):
            if self._order is None:
                np.copyto(target[: end - start], source[start:end])
            else:
                # "clip" is there for the speed alone: a permutation is never out of range.
                rows = self._order[start:end]
                np.take(source, rows, axis=0, out=target[: end - start], mode="clip")
        self._loaded = stretch

    def _cut(self) -> Iterator[Batch]:
        for start in range(0, len(self._stretch_X), self.batch_size):
            end = start + self.batch_size
            yield self._stretch_X[start:end], self._stretch_y[start:end]

    def _cut_tail(self) -> Batch:
        start = (self.count - 1) % self._per_stretch * self.batch_size
        end = start + self.tail
        return self._stretch_X[start:end], self._stretch_y[start:end]
