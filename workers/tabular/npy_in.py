"""NPY arrays (NumPy's format 1.0 to 3.0), read without NumPy's own reader.

That one evaluates headers of any length, allocates what they promise, and ignores what stands
behind the data (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
"""

from __future__ import annotations

import ast
import math
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from workers.tabular.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from workers.tabular.cells import Column
    from workers.tabular.options import Limits

MAGIC = b"\x93NUMPY"
MAX_HEADER_BYTES = 10_000
_PREAMBLE_BYTES = len(MAGIC) + 2 + 4
_KEYS = {"descr", "fortran_order", "shape"}
_NUMBERS = re.compile(r"[<>]f[48]|[<>|=]?[iu]1|[<>][iu][248]|\|?b1")
_MAX_AXIS = 2**63
_BLOCK_CELLS = 1 << 19


@dataclass(frozen=True)
class NpyLayout:
    """Where the numbers of an array stand: `rows` times `columns` of them from byte `offset`."""

    dtype: np.dtype[Any]
    rows: int
    columns: int
    fortran: bool
    offset: int


def npy_layout(head: bytes, n_bytes: int) -> NpyLayout:
    """The layout of an array of `n_bytes` in all that begins with `head`.

    Nothing is allocated by what the header says before it agrees with the size of the file.

    Raises:
        TableError: npy_invalid, pickle_forbidden, dtype_unsupported, dataset_empty,
            npy_size_mismatch.
    """
    if len(head) < _PREAMBLE_BYTES or not head.startswith(MAGIC):
        raise TableError("npy_invalid", "the file ends within its NPY header")
    version = head[len(MAGIC)]
    if version not in (1, 2, 3):
        raise TableError("npy_invalid", f"version {version} of NPY is not known")
    width = "<H" if version == 1 else "<I"
    start = len(MAGIC) + 2 + struct.calcsize(width)
    (length,) = struct.unpack_from(width, head, len(MAGIC) + 2)
    if length > MAX_HEADER_BYTES:
        detail = f"the header is longer than {MAX_HEADER_BYTES} bytes"
        raise TableError("npy_invalid", detail, limit=MAX_HEADER_BYTES)
    if len(head) < start + length:
        raise TableError("npy_invalid", "the file ends within its NPY header")
    header = _header(head[start : start + length])
    dtype = _dtype(header["descr"])
    rows, columns = _shape(header["shape"])
    if rows * columns == 0:
        raise TableError("dataset_empty", "the array holds no number")
    if rows * columns * dtype.itemsize != n_bytes - start - length:
        detail = "the bytes behind the header are not as many as its shape and type need"
        raise TableError("npy_size_mismatch", detail)
    return NpyLayout(dtype, rows, columns, header["fortran_order"], start + length)


def npy_blocks(path: Path, limits: Limits) -> Iterator[dict[str, Column]]:
    """The rows of the array in blocks, its columns called x0, x1, ...; NaN is left as it is.

    Raises:
        TableError: as `npy_layout` does; too_many_columns, too_many_rows, too_many_cells.
    """
    with path.open("rb") as file:
        head = file.read(_PREAMBLE_BYTES + MAX_HEADER_BYTES)
    layout = npy_layout(head, path.stat().st_size)
    _check_limits(layout, limits)
    # Mapped, not read: memory holds the pages of one block.
    array = np.memmap(
        path,
        layout.dtype,
        "r",
        layout.offset,
        (layout.rows, layout.columns),
        "F" if layout.fortran else "C",
    )
    step = max(1, _BLOCK_CELLS // layout.columns)
    for start in range(0, layout.rows, step):
        yield {
            f"x{place}": pa.array(np.ascontiguousarray(values))
            for place, values in enumerate(native(array[start : start + step]).T)
        }


def npy_rows(body: bytes) -> list[list[float | int | bool | None]]:
    """The rows of a request's array as JSON would have brought them: NaN is null.

    Raises:
        TableError: as `npy_layout` does.
    """
    layout = npy_layout(body[: _PREAMBLE_BYTES + MAX_HEADER_BYTES], len(body))
    flat = np.frombuffer(body, layout.dtype, offset=layout.offset)
    order = "F" if layout.fortran else "C"
    array = flat.reshape((layout.rows, layout.columns), order=order)  # type: ignore[call-overload]  # a literal of its stubs
    rows: list[list[Any]] = native(array).tolist()
    if layout.dtype.kind == "f":
        return [[None if math.isnan(cell) else cell for cell in row] for row in rows]
    return rows


def native(array: NDArray[Any]) -> NDArray[Any]:
    """The numbers in this machine's order of bytes."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _header(raw: bytes) -> dict[str, Any]:
    try:
        header = ast.literal_eval(raw.decode())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise TableError("npy_invalid", "the NPY header cannot be read") from None
    if type(header) is not dict or set(header) != _KEYS:
        raise TableError("npy_invalid", "the NPY header is not descr, fortran_order and shape")
    if type(header["fortran_order"]) is not bool:
        raise TableError("npy_invalid", "fortran_order is neither True nor False")
    return header


def _dtype(descr: Any) -> np.dtype[Any]:
    if isinstance(descr, str) and descr.lstrip("|<>=").startswith("O"):
        detail = "an array of Python objects is a pickle, which is never read"
        raise TableError("pickle_forbidden", detail)
    if not isinstance(descr, str) or not _NUMBERS.fullmatch(descr):
        detail = "only float32, float64, integers up to 64 bits and booleans are read"
        raise TableError("dtype_unsupported", detail)
    return np.dtype(descr)


def _shape(shape: Any) -> tuple[int, int]:
    is_shape = type(shape) is tuple and all(type(n) is int and 0 <= n < _MAX_AXIS for n in shape)
    if not is_shape or len(shape) not in (1, 2):
        raise TableError("npy_invalid", "the shape must be rows and columns, or rows alone")
    return (shape[0], 1) if len(shape) == 1 else shape


def _check_limits(layout: NpyLayout, limits: Limits) -> None:
    if layout.columns > limits.columns:
        detail = f"the array has {layout.columns} columns, and at most {limits.columns} are read"
        raise TableError("too_many_columns", detail, limit=limits.columns)
    if layout.rows > limits.rows:
        detail = f"the array has more than {limits.rows} rows"
        raise TableError("too_many_rows", detail, limit=limits.rows)
    if layout.rows * layout.columns > limits.cells:
        detail = f"the array has more than {limits.cells} cells"
        raise TableError("too_many_cells", detail, limit=limits.cells)
