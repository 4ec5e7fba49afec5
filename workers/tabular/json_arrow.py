"""Blocks of JSON rows whose columns are known, by Arrow: several times as fast as row by row.

Arrow is more lenient than this service. A block is taken only where what it made of it proves that
nothing was lost; else the answer is None, and the rows are read one by one.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from workers.tabular.json_blocks import outside_strings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workers.tabular.cells import Column
    from workers.tabular.json_blocks import RowsText

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_GAP = re.compile(rb"\}(\s*,\s*)\{")
_WHOLE_NEGATIVE_ZERO = re.compile(rb"-0(?![0-9.eE])")
_LEAST_INT = -(2**63)
_BEYOND_INTEGERS = 2.0**63


def known_types(
    types: Mapping[str, pa.DataType], columns: Mapping[str, Column]
) -> dict[str, pa.DataType]:
    """The types of columns after these, too: null, int64, float64, bool or string."""
    return {
        name: _joined(types.get(name, pa.null()), _plain(column.type))
        for name, column in columns.items()
    }


def arrow_columns(text: RowsText, types: Mapping[str, pa.DataType]) -> dict[str, Column] | None:
    """The columns of the rows in these types, or None where the rows need a closer look."""
    data = text.data.strip()
    if not data.startswith(b"{") or not data.endswith(b"}") or not _is_sound(data):
        return None
    lines, n_ends = (data, _count_ends(data)) if text.is_lines else _parted(data)
    table = _read(lines, types)
    if table is None or n_ends is None or table.num_rows != n_ends + 1:
        return None
    columns: dict[str, Column] = {name: table[name].combine_chunks() for name in types}
    if not all(_is_exact(column, data) for column in columns.values()):
        return None
    return columns if _has_all_keys(data, columns) else None


def _count_ends(lines: bytes) -> int | None:
    """The number of line ends, where each of them stands between two rows."""
    octets = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(octets == ord("\n"))
    before = octets[ends - 1]
    before = np.where(before == ord("\r"), octets[ends - 2], before)
    is_between = (before == ord("}")) & (octets[ends + 1] == ord("{"))
    return len(ends) if is_between.all() else None


def _parted(data: bytes) -> tuple[bytes, int]:
    """The rows of an array with a line end for every comma between two of them, and how many.

    What stands between the first two rows is looked for. Found inside a string, it puts a line end
    there, with which Arrow refuses it.
    """
    gap = _GAP.search(data)
    if gap is None:
        return data, 0
    parted = np.frombuffer(data, np.uint8).copy()
    begins = np.flatnonzero(parted == ord("}"))
    begins = begins[begins < len(data) - len(gap[0])]
    for place, byte in enumerate(gap[0][1:], 1):
        begins = begins[parted[begins + place] == byte]
    for place, byte in enumerate(gap[0]):
        if byte in b",\n":
            parted[begins + place] = ord("\n" if byte == ord(",") else " ")
    return parted.tobytes(), len(begins)


def _is_sound(data: bytes) -> bool:
    """Whether all the text is such as Arrow would not tell from what it may not be."""
    # One character is found many times as fast as two.
    if b"\\" in data and _SURROGATE.search(data):
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read(lines: bytes, types: Mapping[str, pa.DataType]) -> pa.Table | None:
    try:
        return pa_json.read_json(
            io.BytesIO(lines),
            pa_json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
            pa_json.ParseOptions(
                explicit_schema=pa.schema(list(types.items())), unexpected_field_behavior="error"
            ),
        )
    except pa.ArrowInvalid:
        return None


def _is_exact(column: Column, data: bytes) -> bool:
    """Whether the numbers are what was written, and allowed."""
    if pa.types.is_int64(column.type):
        least: int | None = pc.min(column).as_py()
        return least != _LEAST_INT
    if not pa.types.is_floating(column.type):
        return True
    numbers = column.drop_null().to_numpy()
    # A whole number of this size is refused, and infinite ones are.
    if not (np.abs(numbers) < _BEYOND_INTEGERS).all():
        return False
    # A whole -0 is 0, and no fraction.
    has_negative_zero = bool(np.signbit(numbers[numbers == 0.0]).any())
    return not (has_negative_zero and _WHOLE_NEGATIVE_ZERO.search(data))


def _has_all_keys(data: bytes, columns: Mapping[str, Column]) -> bool:
    """Whether every null was written: Arrow reads a key that a row lacks as one."""
    n_rows = len(next(iter(columns.values())))
    with_nulls = {place: name for place, name in enumerate(columns) if columns[name].null_count}
    if not with_nulls:
        return True
    octets = np.frombuffer(data, np.uint8)
    # A quote within a string has a backslash: where a name has neither, this finds keys only.
    if not any(mark in name for mark in '"\\' for name in columns):
        colons = np.flatnonzero(octets == ord(":"))
        if len(colons) == n_rows * len(columns) and all(
            _are_behind(octets, colons[place :: len(columns)], orjson.dumps(name))
            for place, name in with_nulls.items()
        ):
            return True
        if all(data.count(orjson.dumps(name) + b":") == n_rows for name in with_nulls.values()):
            return True
    n_keys = np.count_nonzero((octets == ord(":")) & outside_strings(octets))
    return int(n_keys) == n_rows * len(columns)


def _are_behind(octets: NDArray[np.uint8], places: NDArray[np.intp], key: bytes) -> bool:
    """Whether the key ends before each of the places."""
    begins = places - len(key)
    return begins[0] >= 0 and all(
        (octets[begins + place] == byte).all() for place, byte in enumerate(key)
    )


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _joined(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type of both; columns of several families are refused elsewhere."""
    if pa.types.is_null(other):
        return one
    is_fraction = pa.types.is_floating(one) and pa.types.is_integer(other)
    return one if is_fraction else other
