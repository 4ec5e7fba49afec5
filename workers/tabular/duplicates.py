"""Rows that repeat, found by a 64-bit digest of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.tabular.cells import Chunks, Column

Hashes: TypeAlias = "list[NDArray[np.int64]]"

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

    def add(self, column: Chunks, hashes: Hashes | None = None) -> None:
        """Mix in the next column; one of text with its `text_hashes`."""
        start = 0
        for place, chunk in enumerate(column.chunks):
            digests = self._digests[start : start + len(chunk)]
            digests ^= _words(chunk, hashes[place] if hashes else None)
            digests *= _MULTIPLIER
            digests ^= digests >> _SHIFT
            start += len(chunk)

    def n_duplicates(self) -> int:
        """The number of rows that repeat an earlier one."""
        ordered = np.sort(self._digests)
        return int(np.count_nonzero(ordered[1:] == ordered[:-1]))


def text_hashes(column: Chunks) -> Hashes:
    """A hash of each entry of the dictionary or of each cell, chunk by chunk.

    Python's own, which nobody can aim at.
    """
    return [_hashes(chunk) for chunk in column.chunks]


def _hashes(chunk: Any) -> NDArray[np.int64]:
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
