"""Where a run's data lies: in memory, or what is large in files that vanish with the run."""

from __future__ import annotations

import errno
import math
import os
from contextlib import contextmanager
from io import BytesIO
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.tabular.parquet import bytes_in_memory, map_table, mapped, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import IO

    import pyarrow as pa
    from numpy.typing import NDArray

MAPPED_MATRIX_BYTES = 256 * 2**20
"""A matrix of more bytes is mapped from a file: batches are gathered from it row by row."""

MAPPED_TABLE_BYTES = 32 * 2**20
"""A table of more bytes is mapped: each of its columns is read twice, and then never again."""


class Scratch:
    """Makes the matrices and opens the tables of runs.

    The files have no names, so nothing is left of them when the process ends, however it ends.
    """

    def __init__(self, folder: Path | None = None, mapped_bytes: int | None = None) -> None:
        """`folder` is where files may lie; None keeps everything in memory.

        `mapped_bytes` takes the place of both bounds.
        """
        self._folder = folder
        self._matrix_bytes = MAPPED_MATRIX_BYTES if mapped_bytes is None else mapped_bytes
        self._table_bytes = MAPPED_TABLE_BYTES if mapped_bytes is None else mapped_bytes

    def matrix(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """An unset matrix. MemoryError where there is no room for it."""
        n_bytes = math.prod(shape) * dtype.itemsize
        if self._folder is None or n_bytes <= self._matrix_bytes:
            return np.empty(shape, dtype)
        with _room(), TemporaryFile(dir=self._folder) as file:
            # Without blocks of its own, a page that finds no room would kill the process.
            os.posix_fallocate(file.fileno(), 0, n_bytes)
            # As a plain array: slices of a memmap take several times as long.
            return np.asarray(np.memmap(file, dtype, "r+", shape=shape))

    def table(self, fill: Callable[[IO[bytes]], object]) -> pa.Table:
        """The table whose Parquet `fill` writes into a file. MemoryError where there is no room."""
        if self._folder is None:
            stored = BytesIO()
            fill(stored)
            return read_table(stored.getvalue())
        with _room():
            return self._mapped_table(fill, self._folder)

    def _mapped_table(self, fill: Callable[[IO[bytes]], object], folder: Path) -> pa.Table:
        with TemporaryFile(dir=folder) as stored, TemporaryFile(dir=folder) as file:
            fill(stored)
            pages = mapped(stored)
            if bytes_in_memory(pages) <= self._table_bytes:
                return read_table(pages)
            return map_table(pages, file)


@contextmanager
def _room() -> Iterator[None]:
    """Say of a full disk what it is to a run."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise MemoryError("no room in the folder for a run's data") from error
