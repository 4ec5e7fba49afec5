"""Tensors in the format of safetensors, put together in one piece.

The library's own writer copies every tensor, and then all of them into the file: a checkpoint would
take its own size in memory twice. The bytes are those that it writes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_NAMES = {"float64": "F64", "float32": "F32"}
_ALIGNMENT = 8


def tensor_file(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None) -> bytes:
    """The file of tensors in float32 and float64, with plain data beside them.

    Raises KeyError for tensors of another type.
    """
    # The widest type first, so that every tensor is aligned.
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    # A strided array would be written wrong; one that is contiguous is not copied.
    arrays = [np.ascontiguousarray(tensors[name]) for name in names]
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    end = 0
    for name, array in zip(names, arrays, strict=True):
        start, end = end, end + array.nbytes
        header[name] = {
            "dtype": _NAMES[array.dtype.name],
            "shape": tensors[name].shape,
            "data_offsets": (start, end),
        }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    # Joined from where they lie: the result is the only copy.
    return b"".join((len(text).to_bytes(8, "little"), text, *map(_bytes_of, arrays)))


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
