"""A piece of a stored column of text, as a dictionary or cell by cell, in one view of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workers.tabular.cells import Column


@dataclass(frozen=True)
class TextCells:
    """`texts` (K,) and in how many cells each stands: `counts` (K,) int64.

    Of a dictionary these are its entries, and `indices` (N,) says which stands in each row, K where
    none does. Else they are the cells, of which a missing one counts 0, and `indices` is None.
    """

    texts: Column
    counts: NDArray[np.int64]
    indices: NDArray[np.int32] | None

    @classmethod
    def of(cls, chunk: Any) -> Self:
        """The view of a piece of a column."""
        if not isinstance(chunk, pa.DictionaryArray):
            return cls(chunk, chunk.is_valid().cast(pa.int64()).to_numpy(), None)
        n_texts = len(chunk.dictionary)
        indices = chunk.indices.fill_null(n_texts).to_numpy()
        counts = np.bincount(indices, minlength=n_texts + 1)[:n_texts]
        return cls(chunk.dictionary, counts, indices)

    def first_row(self, flags: NDArray[np.bool_]) -> int | None:
        """The first row, from 0, in which a flagged text stands; `flags` (K,)."""
        if self.indices is None:
            stand = flags & (self.counts > 0)
        else:
            # No text stands in a row without one.
            stand = np.append(flags, False)[self.indices]
        return int(stand.argmax()) if stand.any() else None

    def tally(self) -> tuple[Any, NDArray[np.int64]]:
        """The texts that stand in cells, each once, and in how many."""
        if self.indices is None:
            return TextCells.of(self.texts.drop_null().dictionary_encode()).tally()
        stand = self.counts > 0
        return self.texts.filter(pa.array(stand)), self.counts[stand]
