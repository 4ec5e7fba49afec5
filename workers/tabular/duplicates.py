"""Rows that repeat, found by a 64-bit digest of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.tabular.cells import Chunks, Column

# Multiplier and shift of the finaliser of MurmurHash3 (Appleby 2011).
_MULTIPLIER = np.uint64(0xFF51AFD7ED558CCD)
_SHIFT = np.uint64(33)
_MISSING = 0x5851F42D4C957F2D


class RowDigests:
    """Digests of `n_rows` rows, into which the columns are mixed one after the other.

    Two rows of ten million that differ share a digest with a probability below 10^-5.
    """

    def __init__(self, n_rows: int) -> None:
        self._digests = np.zeros(n_rows, np.uint64)

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(self._digests)

    def add(self, column: Chunks) -> None:
        """Mix in the next column, which is none of text."""
        start = 0
        for chunk in column.chunks:
            self.add_piece(chunk, start)
            start += len(chunk)

    def add_piece(self, piece: Column, start: int, hashes: NDArray[np.int64] | None = None) -> None:
        """Mix in the cells of a column from row `start` on; those of text with their hashes."""
        digests = self._digests[start : start + len(piece)]
        digests ^= _words(piece, hashes)
        digests *= _MULTIPLIER
        digests ^= digests >> _SHIFT

    def n_duplicates(self) -> int:
        """The number of rows that repeat an earlier one."""
        ordered = np.sort(self._digests)
        return int(np.count_nonzero(ordered[1:] == ordered[:-1]))


def hashes_of(chunk: Any) -> NDArray[np.int64]:
    """A hash of each entry of the dictionary, or else of each cell, of a piece of text.

    Python's own, which nobody can aim at.
    """
    texts = chunk.dictionary if isinstance(chunk, pa.DictionaryArray) else chunk
    return np.fromiter(map(hash, texts.to_pylist()), np.int64, len(texts))


def _words(chunk: Column, hashes: NDArray[np.int64] | None) -> NDArray[np.uint64]:
    """A 64-bit word for each cell, the same for equal cells."""
    words: Any
    if isinstance(chunk, pa.DictionaryArray) and hashes is not None:
        words = pa.array(hashes).take(chunk.indices)
    elif hashes is not None:
        words = pa.array(hashes, mask=chunk.is_null().to_numpy(zero_copy_only=False))
    elif pa.types.is_boolean(chunk.type):
        words = chunk.cast(pa.int64())
    else:
        words = chunk.view(pa.int64())
    filled = words.fill_null(_MISSING) if words.null_count else words
    integers: NDArray[np.int64] = filled.to_numpy(zero_copy_only=False)
    return integers.view(np.uint64)
