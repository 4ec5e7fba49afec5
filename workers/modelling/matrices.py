"""Where a run's matrices lie: in memory, or a large one in a file that vanishes with the run."""

from __future__ import annotations

import math
import os
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAPPED_BYTES = 256 * 2**20
"""A matrix of more bytes is mapped from a file: batches are gathered from it row by row."""


class Matrices:
    """Makes the matrices of one run."""

    def __init__(self, folder: Path | None = None, mapped_bytes: int = MAPPED_BYTES) -> None:
        """`folder` is where files may lie; None keeps everything in memory."""
        self._folder = folder
        self._mapped_bytes = mapped_bytes

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """An unset matrix. MemoryError where there is no room for it."""
        n_bytes = math.prod(shape) * dtype.itemsize
        if self._folder is None or n_bytes <= self._mapped_bytes:
            return np.empty(shape, dtype)
        # The file has no name, so nothing is left of it when the process ends, however it ends.
        with TemporaryFile(dir=self._folder) as file:
            try:
                # Without blocks of its own, a page that finds no room would kill the process.
                os.posix_fallocate(file.fileno(), 0, n_bytes)
            except OSError as error:
                message = f"no room for {n_bytes} bytes in the run's folder"
                raise MemoryError(message) from error
            # As a plain array: slices of a memmap take several times as long.
            return np.asarray(np.memmap(file, dtype, "r+", shape=shape))
